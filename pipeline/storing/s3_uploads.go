package storing

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
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
	return c.Client.CreateMultipartUpload(ctx, in, opts...)
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
