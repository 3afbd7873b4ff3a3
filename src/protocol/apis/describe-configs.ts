/**
 * DescribeConfigs (key 32), served 1-4: configuration of topics (resource type 2), brokers (4) and others, with where
 * each value comes from.
 *
 * - v2: the client does the throttling (KIP-219).
 * - v3: types and documentation of the entries (KIP-569).
 * - v4: flexible.
 */
export const describeConfigs = {
  key: 32,
  name: "DescribeConfigs",
  versions: [1, 4],
  flexible: 4,
  request: {
    resources: {
      array: {
        resourceType: "int8",
        resourceName: "string",
        // Null for all.
        configurationKeys: { array: "string", nullable: "0+" },
      },
    },
    includeSynonyms: "bool",
    includeDocumentation: { type: "bool", versions: "3+" },
  },
  response: {
    throttleTimeMs: "int32",
    results: {
      array: {
        errorCode: "int16",
        errorMessage: { type: "string", nullable: "0+" },
        resourceType: "int8",
        resourceName: "string",
        configs: {
          array: {
            name: "string",
            value: { type: "string", nullable: "0+" },
            readOnly: "bool",
            // 1: topic, 2: broker, 3: all brokers (both changed at run time), 4: broker's file, 5: default, 6: logger.
            configSource: { type: "int8", default: -1 },
            isSensitive: "bool",
            synonyms: { array: { name: "string", value: { type: "string", nullable: "0+" }, source: "int8" } },
            configType: { type: "int8", versions: "3+" },
            documentation: { type: "string", versions: "3+", nullable: "0+" },
          },
        },
      },
    },
  },
} as const;
