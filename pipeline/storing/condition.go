package storing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob"
	azblobblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
)

// ifVersion has a bucket itself compare versions, in the request that stores:
// gocloud has conditions on absence only.
func (s *Store) ifVersion(ctx context.Context, key, want string) func(as func(any) bool) error {
	return func(as func(any) bool) error {
		if s.beforeWrite != nil {
			if err := s.beforeWrite(as); err != nil {
				return err
			}
		}
		var (
			s3    *transfermanager.UploadObjectInput
			azure *azblob.UploadStreamOptions
			gcs   **storage.ObjectHandle
		)
		switch {
		case as(&s3):
			s3.IfMatch = aws.String(`"` + want + `"`)
		case as(&azure):
			tag := azcore.ETag(`"` + want + `"`)
			azure.AccessConditions = &azblob.AccessConditions{
				ModifiedAccessConditions: &azblobblob.ModifiedAccessConditions{IfMatch: &tag},
			}
		case as(&gcs):
			// It compares generations, not tags.
			there, err := (*gcs).Attrs(ctx)
			if errors.Is(err, storage.ErrObjectNotExist) || err == nil && there.Etag != want {
				return s.moved(key)
			}
			if err != nil {
				return err
			}
			*gcs = (*gcs).If(storage.Conditions{GenerationMatch: there.Generation})
		}
		return nil
	}
}

// compare is ifVersion where there is no request to put the condition into.
func (s *Store) compare(ctx context.Context, key, want string) error {
	if s.at.Scheme != "file" && s.at.Scheme != "mem" {
		return nil
	}
	there, err := s.Stat(ctx, key)
	if errors.Is(err, fs.ErrNotExist) || err == nil && there.Version != want {
		return s.moved(key)
	}
	return err
}

// moved is the error of a condition on the version that does not hold.
func (s *Store) moved(key string) error {
	return &storeError{fmt.Sprintf("%s: the object %q was replaced meanwhile", s.url, key), []error{fs.ErrExist}}
}
