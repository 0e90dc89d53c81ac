package storing

import (
	"context"
	"net/http"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"gocloud.dev/blob/s3blob"

	"sluice/pipeline"
)

const (
	// idleS3 is how many connections are kept for the next request. The SDK
	// keeps 10; with more requests than that in flight it would shake hands
	// anew for most of them.
	idleS3 = 256
	// partS3 is the size of a part, the smallest that S3 takes: with two in
	// flight, and the 10,000 parts that S3 allows, that is 15 MB of memory for
	// an object of up to 50 GB. The defaults would hold up to 80 MB an object.
	partS3        = 5 << 20
	partsInFlight = 2
	// abortS3 is how long a failed upload may take to remove its parts. Zero,
	// the default, means the context of the upload, and when it is that which
	// ended, the parts would stay, and be paid for, until somebody looks.
	abortS3 = 10 * time.Second
)

// openS3 opens the bucket as gocloud does, and then once more with the same
// settings over a client of ours: its opener has no parameter for the above.
func (s *Store) openS3(ctx context.Context) error {
	bucket, err := openURL(ctx, s.at)
	if err != nil {
		return err
	}
	var client *s3.Client
	if !bucket.As(&client) {
		return pipeline.Usagef("%s cannot be opened: not a client of S3", s.url)
	}
	client = s3.New(client.Options(), func(o *s3.Options) {
		// Else each read of an object that came in parts logs a warning.
		o.DisableLogOutputChecksumValidationSkipped = true
		b, ok := o.HTTPClient.(*awshttp.BuildableClient)
		if !ok {
			return
		}
		c := b.WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns, t.MaxIdleConnsPerHost = idleS3, idleS3
		}).Freeze()
		o.HTTPClient = c
		if c, ok := c.(*http.Client); ok {
			s.close = c.CloseIdleConnections
		}
	})
	checksums := client.Options().RequestChecksumCalculation
	s.bucket, err = s3blob.OpenBucket(ctx, client, s.at.Bucket, &s3blob.Options{
		EncryptionType:             types.ServerSideEncryption(s.at.Query.Get("ssetype")),
		KMSEncryptionID:            s.at.Query.Get("kmskeyid"),
		RequestChecksumCalculation: checksums,
	})
	if err != nil {
		return pipeline.Usagef("%s cannot be opened: %s", s.url, reason(err))
	}
	uploads := transfermanager.New(s3Uploads{client}, func(o *transfermanager.Options) {
		o.PartSizeBytes = partS3
		o.MultipartUploadThreshold = partS3
		o.Concurrency = partsInFlight
		o.FailTimeout = abortS3
		o.RequestChecksumCalculation = checksums
	})
	s.beforeWrite = func(as func(any) bool) error {
		var theirs *transfermanager.Client
		if as(&theirs) {
			*theirs = *uploads
		}
		return nil
	}
	return nil
}
