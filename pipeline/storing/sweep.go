package storing

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Sweep removes what writes have left behind that were begun before a time and
// never came to an end: temporary files of folders, open uploads of S3. On GCS
// and Azure there is nothing to remove: both forget them within a week.
func (s *Store) Sweep(ctx context.Context, before time.Time) (removed int, err error) {
	var client *s3.Client
	switch {
	case s.folder():
		return s.sweepFolder(ctx, before)
	case s.bucket.As(&client):
		return s.sweepUploads(ctx, client, before)
	}
	return 0, nil
}

func (s *Store) sweepFolder(ctx context.Context, before time.Time) (removed int, err error) {
	err = filepath.WalkDir(s.at.Path, func(path string, e fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil || e.IsDir() || !leftover.MatchString(e.Name()) {
			return ignoreVanished(err)
		}
		info, err := e.Info()
		if err != nil || !info.ModTime().Before(before) {
			return ignoreVanished(err)
		}
		if err := os.Remove(path); err != nil {
			return ignoreVanished(err)
		}
		removed++
		return nil
	})
	if err != nil {
		return removed, s.fault(ctx, "sweep", "", err)
	}
	return removed, nil
}

func ignoreVanished(err error) error {
	if vanished(err) {
		return nil
	}
	return err
}

func (s *Store) sweepUploads(ctx context.Context, client *s3.Client, before time.Time) (removed int, err error) {
	in := &s3.ListMultipartUploadsInput{Bucket: aws.String(s.at.Bucket), Prefix: aws.String(s.prefix)}
	w := s.watch(ctx)
	defer w.end(nil)
	for {
		var page *s3.ListMultipartUploadsOutput
		err := w.call(0, func() (err error) {
			page, err = client.ListMultipartUploads(w.ctx, in)
			return err
		})
		if err != nil {
			return removed, s.fault(w.ctx, "sweep", "", err) //nolint:contextcheck // w.ctx is of ctx
		}
		for _, u := range page.Uploads {
			if u.Initiated == nil || !u.Initiated.Before(before) {
				continue
			}
			err := w.call(0, func() error {
				_, err := client.AbortMultipartUpload(w.ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: u.Key, UploadId: u.UploadId})
				return err
			})
			if err != nil && !s.gone(err) {
				return removed, s.fault(w.ctx, "sweep", aws.ToString(u.Key), err) //nolint:contextcheck // w.ctx is of ctx
			}
			removed++
		}
		if !aws.ToBool(page.IsTruncated) {
			return removed, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

// gone is whether err says that an upload has come to its end meanwhile.
func (s *Store) gone(err error) bool {
	var code interface{ ErrorCode() string }
	return errors.As(err, &code) && code.ErrorCode() == "NoSuchUpload"
}
