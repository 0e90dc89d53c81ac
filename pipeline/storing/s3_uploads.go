package storing

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// s3Uploads is the client as the upload of an object uses it.
//
// A request that makes something to be removed again comes to its end, though
// the upload's context did: a part that arrives after the abort stays, and so
// does an upload whose name was never heard.
//
// A conditional request is made once. Made again after a lost answer, it would
// meet the object that it made itself, and report somebody else's.
type s3Uploads struct{ *s3.Client }

func (c s3Uploads) CreateMultipartUpload(ctx context.Context, in *s3.CreateMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CreateMultipartUploadOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := outlive(ctx, abortS3)
	defer cancel()
	out, err := c.Client.CreateMultipartUpload(ctx, in, opts...)
	switch {
	case err != nil:
		c.abortOthers(ctx, in, "")
	case asked(out) > 1:
		c.abortOthers(ctx, in, aws.ToString(out.UploadId))
	}
	return out, err
}

// asked is how often the SDK asked for an upload.
func asked(out *s3.CreateMultipartUploadOutput) int {
	results, _ := retry.GetAttemptResults(out.ResultMetadata)
	return len(results.Results)
}

// abortOthers removes the uploads of an object but ours. An answer that was lost
// has left one whose id nobody knows. Somebody else's of the same object may be
// among them: a zombie's, or that of one who publishes the same at the same
// time, and has it fail and tried again. While the server is away, nothing can
// be removed.
func (c s3Uploads) abortOthers(ctx context.Context, in *s3.CreateMultipartUploadInput, ours string) {
	open, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: in.Bucket, Prefix: in.Key})
	if err != nil {
		return
	}
	for _, u := range open.Uploads {
		if aws.ToString(u.Key) == aws.ToString(in.Key) && aws.ToString(u.UploadId) != ours {
			_, _ = c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: u.Key, UploadId: u.UploadId})
		}
	}
}

func (c s3Uploads) UploadPart(ctx context.Context, in *s3.UploadPartInput, opts ...func(*s3.Options)) (*s3.UploadPartOutput, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := outlive(ctx, abortS3)
	defer cancel()
	return c.Client.UploadPart(ctx, in, opts...)
}

func (c s3Uploads) PutObject(ctx context.Context, in *s3.PutObjectInput, opts ...func(*s3.Options)) (*s3.PutObjectOutput, error) {
	return c.Client.PutObject(ctx, in, append(opts, onceIf(in.IfNoneMatch != nil || in.IfMatch != nil))...)
}

func (c s3Uploads) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	return c.Client.CompleteMultipartUpload(ctx, in, append(opts, onceIf(in.IfNoneMatch != nil || in.IfMatch != nil))...)
}

func onceIf(conditional bool) func(*s3.Options) {
	return func(o *s3.Options) {
		if conditional {
			o.Retryer = aws.NopRetryer{}
		}
	}
}

// outlive is a context that ends some time after ctx.
func outlive(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(by, cancel) })
	return longer, func() { stop(); cancel() }
}
