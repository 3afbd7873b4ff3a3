/** Clients' metrics (KIP-714) where nobody receives them. Each question is another client's, as Apache Kafka has clients pause
 * between two. */
import { apiVersions } from "../../../../src/protocol/apis/api-versions.ts";
import { getTelemetrySubscriptions } from "../../../../src/protocol/apis/get-telemetry-subscriptions.ts";
import { pushTelemetry } from "../../../../src/protocol/apis/push-telemetry.ts";
import { ZERO_UUID } from "../../../../src/protocol/codec.ts";
import { compressionCodes } from "../../../../src/protocol/records/compression.ts";
import type { RequestBody } from "../../../../src/protocol/schema.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";

const ONE_UUID = Buffer.from([...new Uint8Array(15), 1]).toString("base64url");
const OWN_UUID = Buffer.from("an id of its own").toString("base64url");

export const telemetry: readonly Script[] = [
  {
    name: "telemetry: not advertised",
    async run(side) {
      const select = (response: { readonly apiKeys: readonly { readonly apiKey: number }[] }) =>
        response.apiKeys.map(({ apiKey }) => apiKey).filter((key) => key === 71 || key === 72);
      await side.ask(apiVersions, 0, {}, {}, select);
    },
  },
  {
    name: "telemetry: subscriptions",
    async run(side) {
      await subscribe(side, ZERO_UUID, "a new client");
      await subscribe(side, OWN_UUID, "with an id of its own");
    },
  },
  {
    name: "telemetry: pushed all the same",
    async run(side) {
      await push(side, {}, "nothing");
      await push(side, { metrics: Buffer.from("metrics") }, "something");
      for (const [name, compressionType] of Object.entries({ ...compressionCodes, unknown: 9, negative: -1 }))
        await push(side, { compressionType }, `compressed by ${name}`);
      await push(side, { terminating: true }, "the last");
      await push(side, { metrics: new Uint8Array(2 ** 20) }, "as much as may be");
      await push(side, { metrics: new Uint8Array(2 ** 20 + 1) }, "too much");
      await push(side, { subscriptionId: 1 }, "another subscription");
      await push(side, { clientInstanceId: ZERO_UUID }, "without an id");
      await push(side, { clientInstanceId: ONE_UUID }, "with an id that is reserved");
      await push(side, { clientInstanceId: OWN_UUID }, "of a client that did not ask");
    },
  },
];

async function subscribe(side: Side, clientInstanceId: string, note: string): Promise<void> {
  await side.ask(getTelemetrySubscriptions, 0, { clientInstanceId }, { note, retry: [] }, (response) => {
    const { clientInstanceId: id, subscriptionId, ...rest } = response;
    return { ...rest, isNamed: id !== ZERO_UUID, hasItsName: id === clientInstanceId };
  });
}

/** One push of a client that asked what is wanted, and does as it was told but for `change`. */
async function push(side: Side, change: Partial<RequestBody<typeof pushTelemetry>>, note: string): Promise<void> {
  const { clientInstanceId, subscriptionId } = await side.peek(getTelemetrySubscriptions, 0, {
    clientInstanceId: ZERO_UUID,
  });
  const body = { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics: new Uint8Array() };
  await side.ask(pushTelemetry, 0, { ...body, ...change }, { note, retry: [] });
}
