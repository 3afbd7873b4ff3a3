/** What a setting is: its type, its default and what may be given for it. Pure. Values travel as strings, as in Kafka. */
import { fitsIntoString } from "../../protocol/strings.ts";

export type ConfigType = "boolean" | "string" | "int" | "long" | "double" | "list";

/** As in DescribeConfigs responses. */
export const configTypeCodes: { readonly [T in ConfigType]: number } = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

export interface ConfigDefinition {
  readonly name: string;
  readonly type: ConfigType;
  readonly defaultValue: string;
  readonly documentation: string;
  /** The allowed range of a number, both included. */
  readonly min?: number;
  readonly max?: number;
  /** The allowed values, or elements of a list. */
  readonly oneOf?: readonly string[];
  /** Why a value is not allowed that the above would let pass. */
  readonly problem?: (value: string) => string | undefined;
  /** Why no other value than the default is taken; for settings of Kafka that mean nothing here. */
  readonly fixed?: string;
}

type ParsedConfig =
  | { readonly ok: true; readonly value: string }
  /** `reason` continues "Invalid value X for configuration Y: ". */
  | { readonly ok: false; readonly reason: string };

const INT_MAX = 2n ** 31n - 1n;
const LONG_MAX = 2n ** 63n - 1n;

/** Checks a value and gives it in its canonical form: "007" is 7, " TRUE " is true. */
function parseConfig(definition: ConfigDefinition, given: string): ParsedConfig {
  const parsed = parseType(definition, given.trim());
  const problem = parsed.ok ? definition.problem?.(parsed.value) : undefined;
  if (problem !== undefined) return refused(problem);
  if (!parsed.ok || definition.fixed === undefined || parsed.value === definition.defaultValue) return parsed;
  return refused(`only ${definition.defaultValue} is supported, since ${definition.fixed}`);
}

export type CheckedConfigs =
  | { readonly ok: true; readonly configs: ReadonlyMap<string, string> }
  | { readonly ok: false; readonly error: "INVALID_CONFIG"; readonly message: string };

/** Checks the settings that were given for a `kind` of thing, and brings their values into canonical form. */
export function checkConfigs(
  kind: string,
  definitionOf: (name: string) => ConfigDefinition | undefined,
  given: Iterable<readonly [string, string | null]>,
): CheckedConfigs {
  const configs = new Map<string, string>();
  for (const [name, value] of given) {
    const definition = definitionOf(name);
    if (!definition) return invalid(`Unknown ${kind} config name: ${name}`);
    if (value === null) return invalid(`Null value not supported for ${kind} configs: ${name}`);
    const parsed = parseConfig(definition, value);
    if (!parsed.ok) return invalid(`Invalid value ${value} for configuration ${name}: ${parsed.reason}`);
    // What was appended to a list is longer than what came.
    if (!fitsIntoString(parsed.value)) return invalid(`The value for configuration ${name} is too long`);
    configs.set(name, parsed.value);
  }
  return { ok: true, configs };
}

function invalid(message: string): CheckedConfigs {
  return { ok: false, error: "INVALID_CONFIG", message };
}

function parseType(definition: ConfigDefinition, text: string): ParsedConfig {
  switch (definition.type) {
    case "boolean":
      return parseBoolean(text);
    case "int":
      return parseInteger(definition, text, INT_MAX);
    case "long":
      return parseInteger(definition, text, LONG_MAX);
    case "double":
      return parseDouble(definition, text);
    case "list":
      return parseList(definition, text);
    case "string":
      return definition.oneOf && !definition.oneOf.includes(text) ? notOneOf(definition.oneOf) : accepted(text);
  }
}

function parseBoolean(text: string): ParsedConfig {
  const value = text.toLowerCase();
  return value === "true" || value === "false" ? accepted(value) : refused("it must be true or false");
}

function parseInteger(definition: ConfigDefinition, text: string, limit: bigint): ParsedConfig {
  if (!/^[+-]?\d+$/.test(text)) return refused("it must be a whole number");
  const value = BigInt(text);
  if (value > limit || value < -limit - 1n) return refused(`it must be a number of type ${definition.type}`);
  return checkRange(definition, Number(value)) ?? accepted(value.toString());
}

function parseDouble(definition: ConfigDefinition, text: string): ParsedConfig {
  const value = Number(text);
  if (text === "" || !Number.isFinite(value)) return refused("it must be a number");
  return checkRange(definition, value) ?? accepted(String(value));
}

function parseList(definition: ConfigDefinition, text: string): ParsedConfig {
  const elements = text === "" ? [] : text.split(",").map((element) => element.trim());
  const { oneOf } = definition;
  if (oneOf && elements.some((element) => !oneOf.includes(element))) return notOneOf(oneOf);
  return accepted([...new Set(elements)].join(","));
}

function checkRange({ min, max }: ConfigDefinition, value: number): ParsedConfig | undefined {
  if (min !== undefined && value < min) return refused(`it must be at least ${min}`);
  if (max !== undefined && value > max) return refused(`it must be no more than ${max}`);
  return undefined;
}

function accepted(value: string): ParsedConfig {
  return { ok: true, value };
}

function refused(reason: string): ParsedConfig {
  return { ok: false, reason };
}

function notOneOf(values: readonly string[]): ParsedConfig {
  return refused(`it must be one of ${values.join(", ")}`);
}
