/** Clients' quotas (KIP-546): what is kept, found and refused. */
import { alterClientQuotas } from "../../../../src/protocol/apis/alter-client-quotas.ts";
import { describeClientQuotas } from "../../../../src/protocol/apis/describe-client-quotas.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";

type Entity = readonly (readonly [type: string, name: string | null])[];
type Component = readonly [type: string, matchType: number, match: string | null];

const EXACT = 0;
const DEFAULT = 1;
const ANY = 2;

async function alter(
  side: Side,
  changes: readonly (readonly [Entity, Readonly<Record<string, number | null>>])[],
  validateOnly = false,
  version = 1,
): Promise<void> {
  const entries = changes.map(([entity, ops]) => ({
    entity: entity.map(([entityType, entityName]) => ({ entityType, entityName })),
    ops: Object.entries(ops).map(([key, value]) => ({ key, value: value ?? 0, remove: value === null })),
  }));
  const note = changes.map(([entity, ops]) => `${JSON.stringify(entity)} ${JSON.stringify(ops)}`).join(", ");
  const answer = await side.ask(
    alterClientQuotas,
    version,
    { entries, validateOnly },
    { note: note.replaceAll(side.unique(""), "") },
  );
  if (validateOnly || answer.entries.some(({ errorCode }) => errorCode !== 0)) return;
  for (const [entity, ops] of changes) await settled(side, entity, ops);
}

/** Apache Kafka shows a change a moment later. */
async function settled(side: Side, entity: Entity, ops: Readonly<Record<string, number | null>>): Promise<void> {
  const components = entity.map(([entityType, match]) => ({
    entityType,
    matchType: match === null ? DEFAULT : EXACT,
    match,
  }));
  await side.until(`${JSON.stringify(entity)} has ${JSON.stringify(ops)}`, async () => {
    const { entries } = await side.peek(describeClientQuotas, 1, { components, strict: true });
    const kept = new Map((entries?.[0]?.values ?? []).map(({ key, value }) => [key, value]));
    return Object.entries(ops).every(([key, value]) => kept.get(key) === (value ?? undefined));
  });
}

async function describe(side: Side, components: readonly Component[], strict = true, version = 1): Promise<void> {
  const body = {
    components: components.map(([entityType, matchType, match]) => ({ entityType, matchType, match })),
    strict,
  };
  const note = `${JSON.stringify(components)}${strict ? ", strictly" : ""}`.replaceAll(side.unique(""), "");
  // Others may have set theirs.
  await side.ask(describeClientQuotas, version, body, { note }, (response) => ({
    ...response,
    entries: response.entries?.filter(({ entity }) => entity.some(({ entityName }) => side.owns(entityName ?? ""))),
  }));
}

export const quotas: readonly Script[] = [
  {
    name: "quotas: kept, found and removed",
    async run(side) {
      const [a, b, c] = ["a", "b", "c"].map((name) => side.unique(name)) as [string, string, string];
      await alter(side, [[[["user", a]], { producer_byte_rate: 1000, request_percentage: 12.5 }]]);
      await alter(side, [[[["user", b]], { consumer_byte_rate: 5 }]], false, 0);
      await alter(side, [
        [
          [
            ["user", a],
            ["client-id", c],
          ],
          { controller_mutation_rate: 0.5 },
        ],
      ]);
      await alter(side, [[[["client-id", c]], { producer_byte_rate: 1 }]], true);
      await alter(side, [
        [
          [
            ["user", a],
            ["client-id", null],
          ],
          { producer_byte_rate: 7 },
        ],
      ]);
      await describe(side, [["user", EXACT, a]]);
      await describe(side, [["user", EXACT, a]], false);
      await describe(side, [
        ["user", EXACT, a],
        ["client-id", DEFAULT, null],
      ]);
      await describe(
        side,
        [
          ["user", EXACT, a],
          ["client-id", ANY, null],
        ],
        true,
        0,
      );
      await describe(side, [["user", ANY, null]]);
      await describe(side, [["client-id", EXACT, c]]);
      await describe(side, [["client-id", EXACT, c]], false);
      await describe(side, []);
      await describe(side, [], false);
      await alter(side, [[[["user", a]], { producer_byte_rate: null, consumer_byte_rate: null }]]);
      await describe(side, [["user", EXACT, a]]);
      await alter(side, [[[["user", a]], { request_percentage: null }]]);
      await describe(side, [["user", EXACT, a]]);
      await alter(side, [
        [[["user", b]], { consumer_byte_rate: null }],
        [
          [
            ["user", a],
            ["client-id", c],
          ],
          { controller_mutation_rate: null },
        ],
        [
          [
            ["user", a],
            ["client-id", null],
          ],
          { producer_byte_rate: null },
        ],
      ]);
      await describe(side, [["user", ANY, null]], false);
    },
  },
  {
    name: "quotas: refused",
    async run(side) {
      const a = side.unique("a");
      const user: Entity = [["user", a]];
      await alter(side, [[[], { producer_byte_rate: 1 }]]);
      await alter(side, [[[["group", a]], { producer_byte_rate: 1 }]]);
      await alter(side, [[[["user", ""]], { producer_byte_rate: 1 }]]);
      await alter(side, [
        [
          [
            ["ip", "127.0.0.1"],
            ["user", a],
          ],
          { producer_byte_rate: 1 },
        ],
      ]);
      await alter(side, [[[["ip", "1.2.3.999"]], { connection_creation_rate: 1 }]], true);
      await alter(side, [[[["ip", "127.0.0.1"]], { connection_creation_rate: 2 ** 31 }]], true);
      await alter(side, [[[["ip", "127.0.0.1"]], { connection_creation_rate: 10 }]], true);
      await alter(side, [[[["ip", "::1"]], { connection_creation_rate: 10 }]], true);
      await alter(side, [[[["ip", null]], { connection_creation_rate: 10 }]], true);
      await alter(side, [[[["ip", "127.0.0.1"]], { producer_byte_rate: 1 }]]);
      await alter(side, [[user, { connection_creation_rate: 1 }]]);
      await alter(side, [[user, { unknown: 1 }]]);
      await alter(side, [[user, { unknown: null }]]);
      for (const value of [0, -1, 0.5, 1.5, 1e18, 2 ** 63, 1e19, Number.POSITIVE_INFINITY])
        await alter(side, [[user, { producer_byte_rate: value }]], true);
      for (const value of [0, -1, 0.5, 1e300, Number.POSITIVE_INFINITY])
        await alter(side, [[user, { request_percentage: value }]], true);
      await describe(side, [["user", EXACT, a]], false);
      await describe(side, [["user", EXACT, null]]);
      await describe(side, [["user", DEFAULT, a]]);
      await describe(side, [["user", ANY, a]]);
      await describe(side, [["user", 3, null]]);
      await describe(side, [["", ANY, null]]);
      await describe(side, [["group", ANY, null]]);
      await describe(side, [
        ["user", ANY, null],
        ["user", DEFAULT, null],
      ]);
      await describe(side, [
        ["user", ANY, null],
        ["ip", ANY, null],
      ]);
    },
  },
];
