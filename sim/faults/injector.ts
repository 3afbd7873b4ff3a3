/** Carries faults out, and ends them. */
import { calmDisk } from "../world/disk.ts";
import type { Machine } from "../world/machine.ts";
import { calmNetwork } from "../world/network.ts";
import { TABLE_HOST } from "../world/table.ts";
import type { World } from "../world/world.ts";
import type { Fault, FaultKind } from "./schedule.ts";

/** A machine that was told to stop and does not is killed. */
const STOP_PATIENCE_MS = 20_000;
const MAX_HANG_MS = 2_000;
/** Longer than any client waits for an answer. */
const MAX_DETOUR_MS = 10_000;

export class FaultInjector {
  readonly #world: World;
  readonly #broker: Machine;
  readonly #startsAtMs: number;
  /** What ends the faults that are going on. */
  readonly #endings = new Set<() => void>();

  constructor(world: World, broker: Machine) {
    this.#world = world;
    this.#broker = broker;
    this.#startsAtMs = world.nowMs;
  }

  schedule(faults: readonly Fault[]): void {
    for (const fault of faults) {
      this.#world.scheduler.schedule(this.#startsAtMs + fault.atMs - this.#world.nowMs, () => this.#begin(fault));
    }
  }

  /** Ends what is going on. Machines that are down come up. */
  calm(): void {
    for (const end of [...this.#endings]) end();
    for (const machine of this.#world.machines.values()) {
      Object.assign(machine.disk.conditions, calmDisk);
      if (machine.isWanted) machine.start();
    }
  }

  #begin(fault: Fault): void {
    this.#world.trace?.note("fault", `${fault.kind} ${fault.host} for ${fault.durationMs.toFixed(1)} ms`);
    const end = actions[fault.kind](fault, {
      world: this.#world,
      broker: this.#broker,
      client: this.#world.machines.get(fault.host) as Machine,
    });
    if (end === "nothing") return;
    this.#world.coverage.hit(`fault: ${fault.kind}`);
    if (!end) return;
    const ending = (): void => {
      if (!this.#endings.delete(ending)) return;
      this.#world.trace?.note("fault", `${fault.kind} ${fault.host} ends`);
      end();
    };
    this.#endings.add(ending);
    this.#world.scheduler.schedule(fault.durationMs, ending);
  }
}

interface Scene {
  readonly world: World;
  readonly broker: Machine;
  readonly client: Machine;
}

/** What ends the fault; undefined when it ends by itself, "nothing" when it could not be done. */
type Ending = (() => void) | undefined | "nothing";

const actions: Readonly<Record<FaultKind, (fault: Fault, scene: Scene) => Ending>> = {
  kill: (fault, { broker }) => killed(broker, fault, false),
  "power loss": (fault, { broker }) => killed(broker, fault, true),
  "power loss when told"(fault, { world, broker }) {
    world.whenTold = () => {
      if (!world.isQuiet) killed(broker, fault, true);
    };
    return () => {
      world.whenTold = undefined;
    };
  },
  "kill in write"({ strength }, { broker }) {
    if (!broker.isRunning) return "nothing";
    broker.disk.conditions.writesUntilKill = 1 + Math.floor(strength * 40);
    return undefined;
  },
  "kill at step": (fault, { broker }) => killedAtStep(broker, fault),
  restart: (fault, { broker, world }) => stopped(broker, fault, world),
  stall: (fault, { broker }) => stalled(broker, fault),
  "clock jump": (fault, { broker }) => clockMoved(broker, fault),
  "slow sync"({ strength }, { broker }) {
    const { conditions } = broker.disk;
    conditions.syncMsMin = 20;
    conditions.syncMsMax = 50 + strength * 1_500;
    return () => {
      conditions.syncMsMin = calmDisk.syncMsMin;
      conditions.syncMsMax = calmDisk.syncMsMax;
    };
  },
  "hung disk": (fault, scene) => hung(fault, scene),
  "sync error": ({ strength }, { broker }) => {
    broker.disk.conditions.failingSyncs = 1 + Math.floor(strength * 3);
    return undefined;
  },
  "write error": ({ strength }, { broker }) => {
    broker.disk.conditions.failingWrites = 1 + Math.floor(strength * 3);
    return undefined;
  },
  "read error": ({ strength }, { broker }) => {
    broker.disk.conditions.failingReads = 1 + Math.floor(strength * 3);
    return undefined;
  },
  "disk full": ({ strength }, { broker }) => {
    const { conditions } = broker.disk;
    conditions.roomBytes = Math.floor(Math.max(0, strength - 0.5) * 1_000);
    conditions.fullProbability = strength < 0.75 ? 1 : 0.5;
    return () => {
      conditions.roomBytes = calmDisk.roomBytes;
      conditions.fullProbability = calmDisk.fullProbability;
    };
  },
  "client kill": (fault, { client }) => killed(client, fault, fault.strength < 0.5),
  "client kill in write"({ strength }, { client }) {
    if (!client.isRunning) return "nothing";
    client.disk.conditions.writesUntilKill = 1 + Math.floor(strength * 5);
    return undefined;
  },
  "client kill at step": (fault, { client }) => killedAtStep(client, fault),
  "client stall": (fault, { client }) =>
    stalled(client, { ...fault, durationMs: fault.durationMs * (1 + 3 * fault.strength) }),
  "client leave": (fault, { client, world }) => stopped(client, fault, world),
  "client clock jump": (fault, { client }) => clockMoved(client, fault),
  cut(_fault, { world, broker, client }) {
    world.network.cut(broker.host, client.host);
    return () => world.network.heal(broker.host, client.host);
  },
  "cut one way"({ strength }, { world, broker, client }) {
    const ends = [broker.host, client.host] as const;
    const [from, to] = strength < 0.7 ? ends : ends.toReversed();
    world.network.cutOneWay(from as string, to as string);
    return () => world.network.heal(broker.host, client.host);
  },
  "cut from the table"(_fault, { world, client }) {
    world.network.cut(TABLE_HOST, client.host);
    return () => world.network.heal(TABLE_HOST, client.host);
  },
  detour({ strength }, { world, broker, client }) {
    world.network.detour(broker.host, client.host, strength * MAX_DETOUR_MS);
    return () => world.network.detour(broker.host, client.host, 0);
  },
  reset(_fault, { world, broker, client }) {
    world.network.reset(broker.host, client.host);
    return undefined;
  },
  "lossy network"({ strength }, { world: { network } }) {
    network.conditions.resetProbability = strength * strength * 0.1;
    network.conditions.halfOpenProbability = 0.3;
    return () => {
      network.conditions.resetProbability = calmNetwork.resetProbability;
      network.conditions.halfOpenProbability = calmNetwork.halfOpenProbability;
    };
  },
  "slow network"({ strength }, { world: { network } }) {
    network.conditions.delayMsMax = 20 + strength * 800;
    return () => {
      network.conditions.delayMsMax = calmNetwork.delayMsMax;
    };
  },
  "narrow network"({ strength }, { world: { network } }) {
    network.conditions.windowBytes = 100 + Math.floor(strength * 3_000);
    return () => {
      network.conditions.windowBytes = calmNetwork.windowBytes;
    };
  },
};

/** The disk hangs, connections are given up meanwhile, and in the end the machine is: what was written in between has been seen by
 * nobody but the broker. */
function hung(fault: Fault, { world, broker }: Scene): Ending {
  if (!broker.isRunning) return "nothing";
  const { scheduler, network } = world;
  const hangMs = 50 + fault.strength * MAX_HANG_MS;
  broker.disk.conditions.hangsUntilMs = world.nowMs + hangMs;
  scheduler.schedule(hangMs * 0.2, () => {
    if (!world.isQuiet) network.resetAll(broker.host);
  });
  // The last digits of the strength are as good as another draw.
  const way = (fault.strength * 1_000) % 1;
  scheduler.schedule(hangMs * 0.9, () => {
    if (world.isQuiet) return;
    if (way < 0.3) stopped(broker, fault, world);
    else if (way < 0.8) killed(broker, fault, way < 0.7);
  });
  return undefined;
}

function killed(machine: Machine, { durationMs }: Fault, losesPower: boolean): Ending {
  if (!machine.isRunning) return "nothing";
  const { isWanted } = machine;
  machine.kill({ losesPower });
  if (isWanted) machine.startLater(durationMs);
  return undefined;
}

/** Somewhere in the next steps: in the middle of a start, a commit, a roll. */
function killedAtStep(machine: Machine, { durationMs, strength }: Fault): Ending {
  if (!machine.isRunning) return "nothing";
  const steps = Math.floor(strength * 400);
  machine.killAfter(steps >> 1, durationMs, { losesPower: steps % 2 === 0 });
  return undefined;
}

function clockMoved({ life }: Machine, { strength }: Fault): Ending {
  if (!life) return "nothing";
  life.moveClock((strength - 0.5) * 60_000);
  return undefined;
}

function stopped(machine: Machine, { durationMs }: Fault, world: World): Ending {
  const { life } = machine;
  if (!life) return "nothing";
  machine.stop();
  world.scheduler.schedule(STOP_PATIENCE_MS, () => {
    if (!life.isAlive) return;
    world.coverage.hit("a process did not stop when told");
    const { isWanted } = machine;
    machine.kill({ losesPower: false });
    if (isWanted) machine.start();
  });
  machine.startLater(durationMs);
  return undefined;
}

function stalled(machine: Machine, { durationMs }: Fault): Ending {
  if (!machine.life) return "nothing";
  machine.life.stall(durationMs);
  return undefined;
}
