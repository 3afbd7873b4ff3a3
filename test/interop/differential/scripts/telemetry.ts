/** Clients' metrics (KIP-714) where nobody receives them. */
import { createHash } from "node:crypto";
import { apiVersions } from "../../../../src/protocol/apis/api-versions.ts";
import { getTelemetrySubscriptions } from "../../../../src/protocol/apis/get-telemetry-subscriptions.ts";
import { incrementalAlterConfigs } from "../../../../src/protocol/apis/incremental-alter-configs.ts";
import { pushTelemetry } from "../../../../src/protocol/apis/push-telemetry.ts";
import { ZERO_UUID } from "../../../../src/protocol/codec.ts";
import { type ErrorName, errorCodes } from "../../../../src/protocol/errors.ts";
import { compress, compressionCodes } from "../../../../src/protocol/records/compression.ts";
import type { RequestBody, ResponseOf } from "../../../../src/protocol/schema.ts";
import type { Script } from "../compare.ts";
import type { Side } from "../side.ts";

const ONE_UUID = Buffer.from([...new Uint8Array(15), 1]).toString("base64url");
const OWN_UUID = Buffer.from("an id of its own").toString("base64url");
const CLIENT_METRICS = 16;
const SET = 0;
const DELETE = 1;

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
      await ask(side, ZERO_UUID, "a new client");
      await ask(side, OWN_UUID, "with an id of its own");
      await ask(side, ONE_UUID, "with an id that is reserved");
    },
  },
  {
    name: "telemetry: pushed all the same",
    async run(side) {
      await push(side, {}, "nothing");
      await push(side, { metrics: Buffer.from("metrics") }, "something");
      for (const [name, compressionType] of Object.entries({ ...compressionCodes, unknown: 9, negative: -1 })) {
        await push(side, { compressionType }, `nothing compressed by ${name}`);
        await push(side, { compressionType, metrics: Buffer.from("metrics") }, `something that is not by ${name}`);
        if (compressionType < 0 || compressionType > 4) continue;
        for (const more of [0, 1]) {
          const metrics = compress(compressionType, Buffer.alloc(2 ** 20 + more));
          await push(side, { compressionType, metrics }, `as much as may be, and ${more}, by ${name}`);
        }
      }
      await push(side, { terminating: true }, "the last");
      await push(side, { subscriptionId: 1 }, "another subscription");
      await push(side, { subscriptionId: 1, compressionType: 9 }, "all wrong");
      await push(side, { compressionType: 9, metrics: new Uint8Array(2 ** 20 + 1) }, "too much, by an unknown code");
      await push(side, { clientInstanceId: ZERO_UUID }, "without an id");
      await push(side, { clientInstanceId: ONE_UUID }, "with an id that is reserved");
      await push(side, { clientInstanceId: OWN_UUID }, "of a client that did not ask");
    },
  },
  {
    name: "telemetry: a client again and again",
    async run(side) {
      const client = await begin(side, "a client");
      await ask(side, client.clientInstanceId, "again");
      await pushAs(side, client, {}, "at once");
      await pushAs(side, client, {}, "again");
      await ask(side, client.clientInstanceId, "behind a push");
      for (const terminating of [true, true, false, false, true])
        await pushAs(side, client, { terminating }, terminating ? "the last" : "behind the last");
      await ask(side, client.clientInstanceId, "behind the last");
      for (const change of [{ subscriptionId: 1 }, { compressionType: 9 }, { metrics: new Uint8Array(2 ** 20 + 1) }]) {
        const note = `wrong by ${Object.keys(change)}`;
        const wrong = await begin(side, note);
        await pushAs(side, wrong, change, note);
        await ask(side, wrong.clientInstanceId, `${note}: anew`);
        await ask(side, wrong.clientInstanceId, `${note}: again`);
        await pushAs(side, wrong, {}, `${note}: right`);
        await ask(side, wrong.clientInstanceId, `${note}: behind what was right`);
        await pushAs(side, wrong, { ...change, terminating: true }, `${note}: the last`);
        await pushAs(side, wrong, { terminating: true }, `${note}: the last again`);
      }
    },
  },
  {
    name: "telemetry: what operators want",
    async run(side) {
      const client = await begin(side, "before");
      const { clientInstanceId } = client;
      const match = `client_instance_id=${clientInstanceId}`;
      await want(side, "one", { metrics: "a.", "interval.ms": "60000", match });
      await pushAs(side, client, {}, "by what was wanted before");
      const changed = await ask(side, clientInstanceId, "anew");
      await ask(side, clientInstanceId, "again");
      await pushAs(side, changed, {}, "at once");
      await want(side, "two", { metrics: "a.,b.,c.", match });
      await ask(side, clientInstanceId, "of both");
      await want(side, "three", { metrics: "x,*", "interval.ms": "3600000", match });
      await ask(side, clientInstanceId, "of all three");
      await want(side, "other", { match: "client_id=nobody" });
      await ask(side, clientInstanceId, "behind what is not for it");
      for (const name of ["three", "two", "other"]) await want(side, name, {});
      await want(side, "one", { metrics: "", "interval.ms": "100", match });
      const often = await ask(side, clientInstanceId, "often");
      for (const note of ["at once", "in time", "in time again"])
        await pushAs(side, often, {}, note, ["THROTTLING_QUOTA_EXCEEDED"]);
      await want(side, "one", {});
    },
  },
  {
    name: "telemetry: of which clients",
    async run(side) {
      for (const [i, match] of [
        "client_id=raw",
        "client_id=ra",
        "client_id=(?i)RAW",
        "client_id=r.*|x",
        "client_id=x,client_id=raw",
        "client_id=raw,client_id=x",
        "client_id=raw=",
        "client_software_name=unknown,client_software_version=unknown",
        "client_software_name=x.*",
        "client_source_address=127\\.0\\.0\\.1",
        "client_source_port=[0-9]+",
        "client_source_port=1",
      ].entries()) {
        const clientInstanceId = idOf(side, `client ${i}`);
        await want(side, "one", { metrics: "a.", match: `client_instance_id=${clientInstanceId},${match}` });
        await ask(side, clientInstanceId, match);
        // Its connection says from now on what it is.
        const software = { clientSoftwareName: `x${i}`, clientSoftwareVersion: "1" };
        await side.ask(apiVersions, 3, software, {}, ({ errorCode }) => errorCode);
        const named = idOf(side, `named client ${i}`);
        await want(side, "one", { metrics: "a.", match: `client_instance_id=${named},${match}` });
        await ask(side, named, `${match} of ${software.clientSoftwareName}`);
        await side.ask(apiVersions, 0, {}, {}, ({ errorCode }) => errorCode);
      }
      await want(side, "one", {});
    },
  },
];

type Client = Pick<ResponseOf<typeof getTelemetrySubscriptions>, "clientInstanceId" | "subscriptionId">;

/** The same on both sides. */
function idOf(side: Side, name: string): string {
  return createHash("md5").update(side.unique(name)).digest("base64url");
}

/** A client that has asked. */
function begin(side: Side, note: string): Promise<Client> {
  return ask(side, idOf(side, note), note);
}

async function ask(side: Side, clientInstanceId: string, note: string): Promise<Client> {
  return side.ask(getTelemetrySubscriptions, 0, { clientInstanceId }, { note, retry: [] }, (response) => {
    const { clientInstanceId: id, subscriptionId, ...rest } = response;
    // That of several metrics depends on an order which is not ours.
    const isSame = clientInstanceId !== ZERO_UUID && rest.requestedMetrics.length < 2;
    return {
      ...rest,
      isNamed: id !== ZERO_UUID,
      hasItsName: id === clientInstanceId,
      ...(isSame && { subscriptionId }),
    };
  });
}

type Change = Partial<RequestBody<typeof pushTelemetry>>;

/** One push of a client that asked what is wanted, and does as it was told but for `change`. */
async function push(side: Side, change: Change, note: string): Promise<void> {
  const client = await side.peek(getTelemetrySubscriptions, 0, { clientInstanceId: ZERO_UUID });
  await pushAs(side, client, change, note);
}

async function pushAs(
  side: Side,
  { clientInstanceId, subscriptionId }: Client,
  change: Change,
  note: string,
  retry: readonly ErrorName[] = [],
): Promise<void> {
  const body = { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics: new Uint8Array() };
  await side.ask(pushTelemetry, 0, { ...body, ...change }, { note, retry });
}

/** Sets what is wanted by one subscription; without settings it is gone. Waits until the broker goes by it: then a client that has asked
 * just now may ask again. */
async function want(side: Side, name: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const asked = { clientInstanceId: idOf(side, "on the side") };
  const mayAsk = async (): Promise<boolean> =>
    (await side.peek(getTelemetrySubscriptions, 0, asked)).errorCode === errorCodes.NONE;
  await mayAsk();
  const configs = ["metrics", "interval.ms", "match"].map((setting) => {
    const value = settings[setting] ?? null;
    return { name: setting, configOperation: value === null ? DELETE : SET, value };
  });
  const resources = [{ resourceType: CLIENT_METRICS, resourceName: side.unique(name), configs }];
  const body = { resources, validateOnly: false };
  await side.ask(incrementalAlterConfigs, 1, body, { note: `${name} ${JSON.stringify(settings)}` });
  await side.until(`${name} is wanted`, mayAsk);
}
