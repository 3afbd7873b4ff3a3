import { describe, expect, it } from "vitest";
import { FetchSession, type FetchTopic } from "./fetch-session.ts";

type At = readonly [partition: number, offset: number, leaderEpoch?: number];

function topic(name: string, ...at: readonly At[]): FetchTopic {
  return {
    topic: name,
    topicId: `id of ${name}`,
    partitions: at.map(([partition, fetchOffset, currentLeaderEpoch = 0]) => ({
      partition,
      fetchOffset,
      currentLeaderEpoch,
      partitionMaxBytes: 100,
    })),
  };
}

function ask(session: FetchSession, topics: readonly FetchTopic[], isById = true): string {
  const { sessionId, sessionEpoch, topics: named, forgottenTopicsData = [] } = session.ask(topics, isById);
  const asked = named.flatMap((each) => each.partitions.map((at) => `${each.topic}-${at.partition}@${at.fetchOffset}`));
  const forgotten = forgottenTopicsData.flatMap((each) => each.partitions.map((at) => `not ${each.topic}-${at}`));
  return [`${sessionId}/${sessionEpoch}`, ...asked, ...forgotten].join(" ");
}

describe("a fetch session", () => {
  it("names all once, then what is new, has moved, or is not wanted any more", () => {
    const session = new FetchSession();
    expect(ask(session, [topic("a", [0, 0], [1, 0]), topic("b", [0, 0])])).toBe("0/0 a-0@0 a-1@0 b-0@0");
    session.answered("NONE", 7);
    expect(ask(session, [topic("a", [0, 5], [1, 0]), topic("b", [0, 0])])).toBe("7/1 a-0@5");
    session.answered("NONE", 7);
    expect(ask(session, [topic("a", [1, 0], [2, 0])])).toBe("7/2 a-2@0 not a-0 not b-0");
    session.answered("NONE", 7);
    expect(ask(session, [topic("a", [1, 0], [2, 0])])).toBe("7/3");
    session.answered("NONE", 7);
    expect(ask(session, [topic("a", [1, 0, 1], [2, 0])])).toBe("7/4 a-1@0");
  });

  it("a topic of the same name and another id is another", () => {
    const session = new FetchSession();
    ask(session, [topic("a", [0, 3])]);
    session.answered("NONE", 7);
    expect(ask(session, [{ ...topic("a", [0, 3]), topicId: "another" }])).toBe("7/1 a-0@3 not a-0");
  });

  it("a request without an answer, and one that is refused, make it begin anew in the old one's place", () => {
    const session = new FetchSession();
    ask(session, [topic("a", [0, 0])]);
    session.answered("NONE", 7);
    ask(session, [topic("a", [0, 1])]);
    session.lost();
    expect(ask(session, [topic("a", [0, 1])])).toBe("7/0 a-0@1");
    session.answered("NONE", 8);
    for (const error of [
      "FETCH_SESSION_ID_NOT_FOUND",
      "INVALID_FETCH_SESSION_EPOCH",
      "FETCH_SESSION_TOPIC_ID_ERROR",
    ] as const) {
      ask(session, [topic("a", [0, 1])]);
      expect(session.answered(error, 0)).toBe(false);
      expect(ask(session, [topic("a", [0, 1])])).toBe("8/0 a-0@1");
      session.answered("NONE", 8);
    }
  });

  it("without a session all is named each time", () => {
    const session = new FetchSession();
    for (let i = 0; i < 3; i++) {
      expect(ask(session, [topic("a", [0, 0])])).toBe("0/0 a-0@0");
      expect(session.answered("NONE", 0)).toBe(true);
    }
    ask(session, [topic("a", [0, 0])]);
    session.answered("NONE", 7);
    ask(session, [topic("a", [0, 0])]);
    expect(session.answered("NONE", 0)).toBe(true);
    expect(ask(session, [topic("a", [0, 0])])).toBe("0/0 a-0@0");
  });

  it("names and ids do not mix", () => {
    const session = new FetchSession();
    ask(session, [topic("a", [0, 0])], true);
    session.answered("NONE", 7);
    expect(ask(session, [topic("a", [0, 0]), topic("b", [0, 0])], false)).toBe("7/0 a-0@0 b-0@0");
    session.answered("NONE", 8);
    expect(ask(session, [topic("a", [0, 0]), topic("b", [0, 0])], false)).toBe("8/1");
  });
});
