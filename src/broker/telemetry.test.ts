/** Clients' metrics where nobody receives them (KIP-714). */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { RawClient } from "../../test/support/raw-client.ts";
import { SteppedClock } from "../../test/support/stepped-clock.ts";
import { until } from "../../test/support/until.ts";
import { nodePlatform } from "../platform/node/index.ts";
import { apiVersions } from "../protocol/apis/api-versions.ts";
import { getTelemetrySubscriptions } from "../protocol/apis/get-telemetry-subscriptions.ts";
import { incrementalAlterConfigs } from "../protocol/apis/incremental-alter-configs.ts";
import { pushTelemetry } from "../protocol/apis/push-telemetry.ts";
import { ZERO_UUID } from "../protocol/codec.ts";
import { errorName } from "../protocol/errors.ts";
import type { RequestBody, ResponseOf } from "../protocol/schema.ts";
import { Broker } from "./broker.ts";

const CLIENT_METRICS = 16;
const SET = 0;
const DELETE = 1;
const OWN_ID = Buffer.from("an id of its own").toString("base64url");
const ONE_UUID = Buffer.from([...new Uint8Array(15), 1]).toString("base64url");
const DEFAULT_INTERVAL_MS = 300_000;

let clock: SteppedClock;
let broker: Broker;
let client: RawClient;

beforeEach(async () => {
  clock = new SteppedClock();
  broker = await Broker.start({ platform: { ...nodePlatform, clock } });
  client = await RawClient.connect(broker.address, "client");
});

afterEach(async () => {
  client.close();
  const stopped = broker.stop();
  clock.advance(60_000);
  await stopped;
});

type Answer = ResponseOf<typeof getTelemetrySubscriptions>;

function ask(clientInstanceId = ZERO_UUID, by: RawClient = client): Promise<Answer> {
  return by.send(getTelemetrySubscriptions, 0, { clientInstanceId });
}

async function askedError(clientInstanceId: string, by?: RawClient): Promise<string> {
  return errorName((await ask(clientInstanceId, by)).errorCode);
}

async function push(
  { clientInstanceId, subscriptionId }: Pick<Answer, "clientInstanceId" | "subscriptionId">,
  change: Partial<RequestBody<typeof pushTelemetry>> = {},
  by: RawClient = client,
): Promise<string> {
  const body = { clientInstanceId, subscriptionId, terminating: false, compressionType: 0, metrics: Buffer.from("m") };
  return errorName((await by.send(pushTelemetry, 0, { ...body, ...change })).errorCode);
}

/** Without settings the subscription is gone. */
async function subscribe(name: string, settings: Readonly<Record<string, string>> = {}): Promise<void> {
  const configs = ["metrics", "interval.ms", "match"].map((setting) => {
    const value = settings[setting] ?? null;
    return { name: setting, configOperation: value === null ? DELETE : SET, value };
  });
  const resources = [{ resourceType: CLIENT_METRICS, resourceName: name, configs }];
  const { responses } = await client.send(incrementalAlterConfigs, 1, { resources, validateOnly: false });
  expect(responses.map(({ errorCode }) => errorName(errorCode))).toEqual(["NONE"]);
}

async function wanted(by?: RawClient): Promise<readonly string[]> {
  return (await ask(ZERO_UUID, by)).requestedMetrics;
}

describe("without subscriptions", () => {
  it("is not advertised, and asks for nothing", async () => {
    const { apiKeys } = await client.send(apiVersions, 0, {});
    const keys = apiKeys.map(({ apiKey }) => apiKey);
    expect(keys).not.toContain(getTelemetrySubscriptions.key);
    expect(keys).not.toContain(pushTelemetry.key);
    const first = await ask();
    expect(first).toMatchObject({ errorCode: 0, requestedMetrics: [], pushIntervalMs: DEFAULT_INTERVAL_MS });
    expect(first.clientInstanceId).not.toBe(ZERO_UUID);
    // As Apache Kafka has it for this id.
    expect(await ask(OWN_ID)).toMatchObject({ clientInstanceId: OWN_ID, subscriptionId: -779_151_412 });
  });

  it("lets a client ask once in five minutes", async () => {
    const { clientInstanceId } = await ask();
    clock.advance(DEFAULT_INTERVAL_MS - 1);
    expect(await ask(clientInstanceId)).toEqual({
      throttleTimeMs: 0,
      errorCode: 89,
      clientInstanceId: ZERO_UUID,
      subscriptionId: 0,
      acceptedCompressionTypes: [],
      pushIntervalMs: 0,
      telemetryMaxBytes: 0,
      deltaTemporality: false,
      requestedMetrics: [],
    });
    clock.advance(1);
    expect(await askedError(clientInstanceId)).toBe("NONE");
  });

  it("takes pushes of clients that it was not asked by, but not under ids that no client has", async () => {
    const { subscriptionId } = await ask(OWN_ID);
    await broker.stop();
    broker = await Broker.start({ platform: { ...nodePlatform, clock } });
    client = await RawClient.connect(broker.address, "client");
    expect(await push({ clientInstanceId: OWN_ID, subscriptionId })).toBe("NONE");
    expect(await push({ clientInstanceId: OWN_ID, subscriptionId })).toBe("THROTTLING_QUOTA_EXCEEDED");
    for (const clientInstanceId of [ZERO_UUID, ONE_UUID])
      expect(await push({ clientInstanceId, subscriptionId })).toBe("INVALID_REQUEST");
  });

  it("forgets a client with the connection that it came up on", async () => {
    const other = await RawClient.connect(broker.address);
    const { clientInstanceId } = await ask(ZERO_UUID, other);
    expect(await askedError(clientInstanceId)).toBe("THROTTLING_QUOTA_EXCEEDED");
    other.close();
    await until(async () => (await askedError(clientInstanceId)) === "NONE");
  });
});

describe("subscriptions", () => {
  it("add up: all their metrics, as often as the most frequent", async () => {
    await subscribe("one", { metrics: "b.,a.", "interval.ms": "2000" });
    await subscribe("two", { metrics: "b.,c", "interval.ms": "1000" });
    await subscribe("other", { metrics: "d", "interval.ms": "100", match: "client_id=other" });
    expect(await ask()).toMatchObject({ requestedMetrics: ["a.", "b.", "c"], pushIntervalMs: 1000 });
    await subscribe("all", { metrics: "*,e", "interval.ms": "3600000" });
    expect(await ask()).toMatchObject({ requestedMetrics: ["*"], pushIntervalMs: 1000 });
    await subscribe("all", { metrics: "" });
    await subscribe("one");
    await subscribe("two");
    expect(await ask()).toMatchObject({ requestedMetrics: [], pushIntervalMs: DEFAULT_INTERVAL_MS });
  });

  it("reach a client with the push behind their change", async () => {
    const before = await ask();
    await subscribe("one", { metrics: "a", "interval.ms": "1000" });
    expect(await push(before)).toBe("UNKNOWN_SUBSCRIPTION_ID");
    const after = await ask(before.clientInstanceId);
    expect(after).toMatchObject({ errorCode: 0, requestedMetrics: ["a"] });
    expect(after.subscriptionId).not.toBe(before.subscriptionId);
    clock.advance(1000);
    expect(await push(after)).toBe("NONE");
  });

  it("let every client begin anew with a change, also one that is about others, and not with what changes nothing", async () => {
    const client = await ask();
    await subscribe("other", { match: "client_id=other" });
    expect(await ask(client.clientInstanceId)).toEqual(client);
    expect(await push(client)).toBe("NONE");
    await subscribe("other", { match: "client_id=other" });
    await subscribe("unknown");
    expect(await askedError(client.clientInstanceId)).toBe("THROTTLING_QUOTA_EXCEEDED");
    await subscribe("other");
    expect(await askedError(client.clientInstanceId)).toBe("NONE");
  });

  it.each([
    ["client_id=client", true],
    ["client_id=clien", false],
    ["client_id=c.*", true],
    ["client_id=(?i)CLIENT", true],
    [" client_id = client ", true],
    ["client_id=x,client_id=client", true],
    ["client_id=client,client_id=x", false],
    ["client_id=client=", true],
    ["client_id=c.*,client_software_name=unknown", true],
    ["client_id=c.*,client_software_name=x", false],
    ["client_software_version=unknown", true],
    ["client_source_address=127\\.0\\.0\\.1", true],
    ["client_source_port=[1-9]\\d+", true],
    ["client_source_port=1", false],
    ["client_instance_id=.{22}", true],
    ["client_instance_id=A", false],
    ["", true],
  ])("are for whom %s matches", async (match, matches) => {
    await subscribe("one", { metrics: "a", match });
    expect(await wanted()).toEqual(matches ? ["a"] : []);
  });

  it("know software by the last ApiVersions of the connection", async () => {
    await subscribe("one", { metrics: "a", match: "client_software_name=name,client_software_version=1\\..*" });
    const software = async (clientSoftwareName: string, clientSoftwareVersion: string): Promise<void> => {
      await client.send(apiVersions, 3, { clientSoftwareName, clientSoftwareVersion });
    };
    await software("name", "1.2");
    expect(await wanted()).toEqual(["a"]);
    await software("not a name", "2");
    expect(await wanted()).toEqual(["a"]);
    const other = await RawClient.connect(broker.address);
    expect(await wanted(other)).toEqual([]);
    other.close();
    await software("name", "2.0");
    expect(await wanted()).toEqual([]);
    await subscribe("one", { metrics: "a", match: "client_software_name=unknown,client_software_version=unknown" });
    expect(await wanted()).toEqual([]);
    await client.send(apiVersions, 0, {});
    expect(await wanted()).toEqual(["a"]);
  });
});
