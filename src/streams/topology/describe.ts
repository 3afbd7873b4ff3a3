import type { TopologyNode } from "./node.ts";
import type { Topology } from "./topology.ts";

/** The graph as text, one block a node: its kind and name, what it touches, where its records go and come from. */
export function describeTopology(topology: Topology): string {
  const lines = ["Topologies:"];
  for (const { id, nodes } of topology.subtopologies) {
    lines.push(`   Sub-topology: ${id}`);
    for (const node of nodes) lines.push(...describeNode(node, childrenOf(node, nodes)));
  }
  return `${lines.join("\n")}\n`;
}

function describeNode(node: TopologyNode, children: readonly string[]): string[] {
  switch (node.kind) {
    case "source":
      return [`    Source: ${node.name} (topics: [${node.topics.join(", ")}])`, arrow("-->", children)];
    case "processor":
      return [
        `    Processor: ${node.name} (stores: [${node.stores.join(", ")}])`,
        arrow("-->", children),
        arrow("<--", node.parents),
      ];
    case "sink":
      return [`    Sink: ${node.name} (topic: ${node.topic})`, arrow("<--", node.parents)];
  }
}

function arrow(direction: "-->" | "<--", names: readonly string[]): string {
  return `      ${direction} ${names.length === 0 ? "none" : names.join(", ")}`;
}

/** A stream that is merged with itself is its child's parent twice. */
export function childrenOf(node: TopologyNode, nodes: readonly TopologyNode[]): string[] {
  return nodes.flatMap((other) => {
    const parents = other.kind === "source" ? [] : other.parents;
    return parents.filter((parent) => parent === node.name).map(() => other.name);
  });
}
