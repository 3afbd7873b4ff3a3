/** How large repartition topics are that do not say it themselves: as large as the largest topic that is read by those who write into
 * them. Pure. */
import { Deadline, DeadlineQueue } from "../../deadlines.ts";
import { type Subtopology, sourcesOf } from "./topology.ts";

/**
 * The sizes that can be told of the topics in `open`; `sizeOf` tells that of every other one. As Apache Kafka looks at them: in rounds, in
 * their order, and a size counts as soon as that of any topic is known on which it rests. But each is looked at only then: a program may
 * have thousands.
 */
export function repartitionSizes(
  subtopologies: readonly Subtopology[],
  open: readonly string[],
  sizeOf: (name: string) => number,
): ReadonlyMap<string, number> {
  const places = new Map(open.map((name, place) => [name, place] as const));
  const writersOf = byTopic(subtopologies, ({ repartitionSinkTopics }) => repartitionSinkTopics);
  const readersOf = byTopic(subtopologies, sourcesOf);
  const sizes = new Map<string, number>();
  /** Of what a subtopology reads, as far as it is known. */
  const largest = new Map<Subtopology, number>();
  /** In place of times: rounds, and places in them. */
  const visits = new DeadlineQueue<void>();
  const scheduled = new Set<string>();

  function learn(reader: Subtopology, size: number, now: number): void {
    const known = largest.get(reader);
    largest.set(reader, Math.max(known ?? 0, size));
    if (known === undefined) for (const name of reader.repartitionSinkTopics) schedule(name, now);
  }

  function schedule(name: string, now: number): void {
    const place = places.get(name);
    if (place === undefined || scheduled.has(name)) return;
    scheduled.add(name);
    const inThisRound = Math.floor(now / open.length) * open.length + place;
    const at = inThisRound > now ? inThisRound : inThisRound + open.length;
    visits.set(new Deadline(() => visit(name, at)), at);
  }

  function visit(name: string, now: number): void {
    const size = (writersOf.get(name) ?? []).reduce((most, writer) => Math.max(most, largest.get(writer) ?? 0), 0);
    sizes.set(name, size);
    for (const reader of readersOf.get(name) ?? []) learn(reader, size, now);
  }

  for (const reader of subtopologies) {
    for (const source of sourcesOf(reader)) if (!places.has(source)) learn(reader, sizeOf(source), -1);
  }
  const end = Number.POSITIVE_INFINITY;
  for (let next = visits.takeDue(end); next; next = visits.takeDue(end)) next.run();
  return sizes;
}

function byTopic(
  subtopologies: readonly Subtopology[],
  topicsOf: (subtopology: Subtopology) => readonly string[],
): ReadonlyMap<string, readonly Subtopology[]> {
  const found = new Map<string, Subtopology[]>();
  for (const subtopology of subtopologies) {
    for (const name of new Set(topicsOf(subtopology))) {
      const all = found.get(name);
      if (all) all.push(subtopology);
      else found.set(name, [subtopology]);
    }
  }
  return found;
}
