/** What requests to change settings mean. Pure: each gives the settings as they will be, or why not. */
import type { incrementalAlterConfigs } from "../../protocol/apis/incremental-alter-configs.ts";
import type { RequestOf } from "../../protocol/schema.ts";
import { type ConfigDefinition, checkConfigs } from "../configs/definition.ts";
import { type Refusal, refuse } from "./refusal.ts";

export type ConfigChange = RequestOf<typeof incrementalAlterConfigs>["resources"][number]["configs"][number];

export type ConfigsOutcome = { readonly ok: true; readonly configs: ReadonlyMap<string, string> } | Refusal;

/** What the settings are of. */
export interface ConfigSubject {
  /** For messages: "topic". */
  readonly kind: string;
  /** Its own settings. */
  readonly own: ReadonlyMap<string, string>;
  definitionOf(name: string): ConfigDefinition | undefined;
  /** A setting's value where there is no own one. */
  inherited(name: string): string;
  /** Why settings do not go together that are allowed each by itself. */
  conflict?(effective: (name: string) => string): string | undefined;
  /** In place of INVALID_CONFIG. */
  readonly error?: "INVALID_REQUEST";
  /** Whether there is such a setting, but not to be changed. */
  isFixed?(name: string): boolean;
}

const SET = 0;
const DELETE = 1;
const APPEND = 2;
const SUBTRACT = 3;

/** IncrementalAlterConfigs: single settings. */
export function decideConfigChanges(subject: ConfigSubject, changes: readonly ConfigChange[]): ConfigsOutcome {
  if (new Set(changes.map(({ name }) => name)).size !== changes.length) {
    return refuse("INVALID_REQUEST", "Error due to duplicate config keys");
  }
  const fixed = fixedSettings(subject, changes);
  if (fixed) return fixed;
  const configs = new Map<string, string | null>(subject.own);
  for (const change of changes) {
    const problem = applyChange(configs, change, subject);
    if (problem) return problem;
  }
  return check(subject, configs);
}

/** AlterConfigs: what is given replaces every setting that there was. */
export function decideConfigs(
  subject: ConfigSubject,
  configs: readonly { readonly name: string; readonly value: string | null }[],
): ConfigsOutcome {
  const given = configs.map(({ name, value }) => [name, value] as const);
  const empty = configs.find(({ value }) => value === null);
  if (empty) return refuse("INVALID_REQUEST", `Null value not supported for ${subject.kind} configs: ${empty.name}`);
  return fixedSettings(subject, configs) ?? check(subject, given);
}

function check(subject: ConfigSubject, given: Iterable<readonly [string, string | null]>): ConfigsOutcome {
  const { kind, definitionOf, error = "INVALID_CONFIG" } = subject;
  const checked = checkConfigs(kind, definitionOf, given);
  if (!checked.ok) return refuse(error, checked.message);
  const conflict = subject.conflict?.((name) => checked.configs.get(name) ?? subject.inherited(name));
  return conflict === undefined ? checked : refuse(error, conflict);
}

function fixedSettings({ isFixed }: ConfigSubject, configs: readonly { readonly name: string }[]): Refusal | undefined {
  const fixed = configs.map(({ name }) => name).filter((name) => isFixed?.(name));
  if (fixed.length === 0) return undefined;
  return refuse("INVALID_REQUEST", `Cannot update these configs dynamically: ${fixed.join(", ")}`);
}

function applyChange(
  configs: Map<string, string | null>,
  { name, configOperation, value }: ConfigChange,
  { kind, definitionOf, inherited }: ConfigSubject,
): Refusal | undefined {
  if (configOperation === DELETE) {
    configs.delete(name);
    return undefined;
  }
  if (value === null) return refuse("INVALID_REQUEST", `Null value not supported for : ${name}`);
  if (configOperation === SET) {
    configs.set(name, value);
    return undefined;
  }
  if (configOperation !== APPEND && configOperation !== SUBTRACT) {
    return refuse("INVALID_REQUEST", `Unknown operation ${configOperation} for ${name}`);
  }
  const definition = definitionOf(name);
  if (!definition) return refuse("INVALID_CONFIG", `Unknown ${kind} config name: ${name}`);
  if (definition.type !== "list") {
    const verb = configOperation === APPEND ? "APPEND to" : "SUBTRACT from";
    return refuse("INVALID_CONFIG", `Can't ${verb} key ${name} because its type is not LIST.`);
  }
  const present = elementsOf(configs.get(name) ?? inherited(name));
  const given = elementsOf(value);
  const changed =
    configOperation === APPEND
      ? [...present, ...given.filter((element) => !present.includes(element))]
      : present.filter((element) => !given.includes(element));
  configs.set(name, changed.join(","));
  return undefined;
}

function elementsOf(list: string): string[] {
  return list.split(",").filter((element) => element !== "");
}
