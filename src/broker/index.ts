/** The broker, to run inside a program: `await Broker.start({ dataDir: "data" })`. */
export { Broker } from "./broker.ts";
export { BrokerError, type BrokerErrorCode } from "./broker-error.ts";
export type { ListenerOptions } from "./listeners.ts";
export type { BrokerOptions, Durability } from "./options.ts";
