package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var codecs = map[string]kgo.CompressionCodec{
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var balancers = map[string]kgo.GroupBalancer{
	"range":              kgo.RangeBalancer(),
	"cooperative-sticky": kgo.CooperativeStickyBalancer(),
	// Its name for the broker's uniform assignor.
	"uniform": kgo.StickyBalancer(),
}

type place struct {
	topic     string
	partition int32
}

// driver holds what is open: a client, and around it a session if it both consumes and is transactional.
type driver struct {
	client  *kgo.Client
	session *kgo.GroupTransactSession

	mu       sync.Mutex
	assigned map[place]bool
}

func (d *driver) open(ctx context.Context, c command) error {
	d.close()
	options := []kgo.Opt{kgo.SeedBrokers(c.Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner())}
	transactional := c.Producer != nil && c.Producer.TransactionalID != nil
	if p := c.Producer; p != nil {
		options = append(options,
			kgo.ProducerBatchCompression(codecs[p.Compression]),
			kgo.ProducerBatchMaxBytes(p.BatchBytes),
			kgo.ProducerLinger(5*time.Millisecond))
		if transactional {
			options = append(options, kgo.TransactionalID(*p.TransactionalID))
		} else if !p.Idempotent {
			options = append(options, kgo.DisableIdempotentWrite())
		}
	}
	if c.Consumer != nil {
		options = append(options, d.consumerOptions(c.Consumer)...)
	}
	var err error
	if transactional && c.Consumer != nil {
		if d.session, err = kgo.NewGroupTransactSession(options...); err == nil {
			d.client = d.session.Client()
		}
	} else {
		d.client, err = kgo.NewClient(options...)
	}
	if err != nil {
		return err
	}
	if transactional {
		// What an earlier producer left open ends here, and not at the first record.
		_, _, err = d.client.ProducerID(ctx)
	}
	return err
}

func (d *driver) consumerOptions(c *consumerSettings) []kgo.Opt {
	d.mu.Lock()
	d.assigned = map[place]bool{}
	d.mu.Unlock()
	mark := func(has bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for topic, numbers := range partitions {
				for _, partition := range numbers {
					if has {
						d.assigned[place{topic, partition}] = true
					} else {
						delete(d.assigned, place{topic, partition})
					}
				}
			}
		}
	}
	isolation := kgo.ReadUncommitted()
	if c.Isolation == "read_committed" {
		isolation = kgo.ReadCommitted()
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(c.Group),
		kgo.ConsumeTopics(c.Topics...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(isolation),
		kgo.Balancers(balancers[c.Assignor]),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(10 * time.Second),
		kgo.HeartbeatInterval(500 * time.Millisecond),
		kgo.OnPartitionsAssigned(mark(true)),
		kgo.OnPartitionsRevoked(mark(false)),
		kgo.OnPartitionsLost(mark(false)),
	}
	if c.Protocol == "consumer" {
		options = append(options, kgo.ServerSideBalancer())
	}
	return options
}

func (d *driver) send(ctx context.Context, records []wireRecord) (map[string]any, error) {
	if d.client == nil {
		return nil, errNotOpen
	}
	offsets := make([]int64, len(records))
	outcomes := make([]error, len(records))
	for index, record := range records {
		produced := &kgo.Record{
			Topic:     record.Topic,
			Partition: record.Partition,
			Timestamp: time.UnixMilli(record.Timestamp),
			Key:       record.Key,
			Value:     record.Value,
		}
		for _, each := range record.Headers {
			produced.Headers = append(produced.Headers, kgo.RecordHeader(each))
		}
		d.client.Produce(ctx, produced, func(sent *kgo.Record, err error) {
			offsets[index], outcomes[index] = sent.Offset, err
		})
	}
	if err := d.client.Flush(ctx); err != nil {
		return nil, err
	}
	return map[string]any{"offsets": offsets}, errors.Join(outcomes...)
}

func (d *driver) begin() error {
	if d.session != nil {
		return d.session.Begin()
	}
	return d.client.BeginTransaction()
}

// sendOffsets only checks: the end of a session's transaction commits what was polled.
func (d *driver) sendOffsets(offsets []position) error {
	if d.session == nil {
		return errNotOpen
	}
	polled := d.client.UncommittedOffsets()
	for _, at := range offsets {
		if has := polled[at.Topic][at.Partition].Offset; has != at.Offset {
			return fmt.Errorf("%s-%d was polled to %d, not %d", at.Topic, at.Partition, has, at.Offset)
		}
	}
	return nil
}

func (d *driver) end(ctx context.Context, how kgo.TransactionEndTry) error {
	if d.session == nil {
		return d.client.EndTransaction(ctx, how)
	}
	committed, err := d.session.End(ctx, how)
	if err == nil && committed != bool(how) {
		err = errors.New("the session aborted instead of committing")
	}
	return err
}

func (d *driver) poll(timeout time.Duration, most int) (map[string]any, error) {
	if d.client == nil {
		return nil, errNotOpen
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var fetches kgo.Fetches
	if d.session != nil {
		fetches = d.session.PollRecords(ctx, most)
	} else {
		fetches = d.client.PollRecords(ctx, most)
	}
	for _, failed := range fetches.Errors() {
		// It tells that it could not join, and tries again.
		var joining *kgo.ErrGroupSession
		if !errors.Is(failed.Err, context.DeadlineExceeded) && !errors.As(failed.Err, &joining) {
			return nil, failed.Err
		}
	}
	records := []wireRecord{}
	for _, record := range fetches.Records() {
		headers := []header{}
		for _, each := range record.Headers {
			headers = append(headers, header(each))
		}
		records = append(records, wireRecord{
			record.Topic, record.Partition, record.Offset, record.Timestamp.UnixMilli(), record.Key, record.Value, headers,
		})
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	assigned := []position{}
	for at := range d.assigned {
		assigned = append(assigned, position{Topic: at.topic, Partition: at.partition})
	}
	return map[string]any{"records": records, "assigned": assigned}, nil
}

func (d *driver) commitOffsets(ctx context.Context, offsets []position) error {
	if d.client == nil {
		return errNotOpen
	}
	commit := map[string]map[int32]kgo.EpochOffset{}
	for _, at := range offsets {
		if commit[at.Topic] == nil {
			commit[at.Topic] = map[int32]kgo.EpochOffset{}
		}
		commit[at.Topic][at.Partition] = kgo.EpochOffset{Epoch: -1, Offset: at.Offset}
	}
	var failed error
	d.client.CommitOffsetsSync(ctx, commit, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, response *kmsg.OffsetCommitResponse, err error) {
		failed = err
		if err != nil {
			return
		}
		for _, topic := range response.Topics {
			for _, partition := range topic.Partitions {
				failed = errors.Join(failed, kerr.ErrorForCode(partition.ErrorCode))
			}
		}
	})
	return failed
}

func (d *driver) close() {
	if d.session != nil {
		d.session.Close()
	} else if d.client != nil {
		d.client.Close()
	}
	d.session, d.client = nil, nil
}
