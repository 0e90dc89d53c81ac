package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
)

// Beater sends one heartbeat and waits for the server's word on it.
//
//   - nil: accepted.
//   - temporal.CanceledError, activity.ErrActivityPaused and
//     activity.ErrActivityReset: accepted, and the attempt is to stop.
//   - serviceerror.NotFound: the attempt is over; somebody else may be at it.
//   - anything else: unknown.
type Beater interface {
	Beat(ctx context.Context, p Position) error
}

// serverBeater asks the server itself. The SDK's RecordHeartbeat only buffers,
// for 0.8 of the timeout, and a kill loses what is buffered.
type serverBeater struct {
	client interface {
		RecordActivityHeartbeat(ctx context.Context, taskToken []byte, details ...any) error
	}
	token []byte
	limit time.Duration // of one call
}

func newServerBeater(ctx context.Context) Beater {
	info := activity.GetInfo(ctx)
	return serverBeater{
		client: activity.GetClient(ctx),
		token:  info.TaskToken,
		// Three calls fit into the timeout: one that is lost is not the last.
		limit: min(max(info.HeartbeatTimeout/3, time.Second), 10*time.Second),
	}
}

func (b serverBeater) Beat(ctx context.Context, p Position) error {
	// An attempt that is told to stop still has to hear whether its checkpoint
	// was accepted.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), b.limit)
	defer cancel()
	return b.client.RecordActivityHeartbeat(ctx, b.token, p)
}
