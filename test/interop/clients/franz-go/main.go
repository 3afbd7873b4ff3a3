// franz-go as a client that does what it is told; see driver.ts for the commands.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const long = 30 * time.Second

type command struct {
	Do        string
	Bootstrap string
	Producer  *producerSettings
	Consumer  *consumerSettings
	Records   []wireRecord
	Offsets   []position
	TimeoutMs int
	Max       int
}

type producerSettings struct {
	Idempotent      bool
	Compression     string
	TransactionalID *string `json:"transactionalId"`
	BatchBytes      int32
}

type consumerSettings struct {
	Group     string
	Topics    []string
	Isolation string
	Protocol  string
	Assignor  string
}

type position struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset,omitempty"`
}

type wireRecord struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp int64    `json:"timestamp"`
	Key       []byte   `json:"key"`
	Value     []byte   `json:"value"`
	Headers   []header `json:"headers"`
}

// header is a pair of name and value in JSON.
type header kgo.RecordHeader

func (h header) MarshalJSON() ([]byte, error) { return json.Marshal([]any{h.Key, h.Value}) }

func (h *header) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&h.Key, &h.Value})
}

func main() {
	out := json.NewEncoder(os.Stdout)
	answer(out, map[string]any{"client": "franz-go", "version": version()})
	var open driver
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var c command
		if err := json.Unmarshal(line, &c); err != nil {
			answer(out, map[string]any{"error": err.Error()})
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), long)
		reply, err := open.handle(ctx, c)
		cancel()
		if err != nil {
			reply = map[string]any{"error": err.Error()}
		}
		answer(out, reply)
	}
}

func answer(out *json.Encoder, reply map[string]any) {
	if err := out.Encode(reply); err != nil {
		panic(err)
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, module := range info.Deps {
			if module.Path == "github.com/twmb/franz-go" {
				return module.Version
			}
		}
	}
	return "?"
}

func (d *driver) handle(ctx context.Context, c command) (map[string]any, error) {
	switch c.Do {
	case "open":
		return nothing, d.open(ctx, c)
	case "send":
		return d.send(ctx, c.Records)
	case "begin":
		return nothing, d.begin()
	case "sendOffsets":
		return nothing, d.sendOffsets(c.Offsets)
	case "commit":
		return nothing, d.end(ctx, kgo.TryCommit)
	case "abort":
		return nothing, d.end(ctx, kgo.TryAbort)
	case "poll":
		return d.poll(time.Duration(c.TimeoutMs)*time.Millisecond, c.Max)
	case "commitOffsets":
		return nothing, d.commitOffsets(ctx, c.Offsets)
	case "close":
		d.close()
		return nothing, nil
	}
	return nil, fmt.Errorf("no command %q", c.Do)
}

var nothing = map[string]any{}

var errNotOpen = errors.New("nothing is open")
