package storing

import (
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	azblob "github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// version is the version of an object, from a listing or from its attributes
// alike: gocloud shows an ETag only in the latter, so both are asked for what
// their driver got. Folders and mem:// have no ETag but size and time.
func version(object interface{ As(any) bool }, size int64, modified time.Time) string {
	tag, bucket := etag(object)
	switch {
	case tag != "":
		return tag
	case bucket:
		// A listing tells milliseconds, a single object seconds.
		modified = modified.Truncate(time.Second)
	}
	return fmt.Sprintf("%x-%x", modified.UnixNano(), size)
}

// etag is the ETag that a bucket's driver got, bare: Azure quotes it in a
// response's header, and not in a listing.
func etag(object interface{ As(any) bool }) (tag string, bucket bool) {
	var (
		s3Listed    types.Object
		s3Single    s3.HeadObjectOutput
		gcs         storage.ObjectAttrs
		azureListed container.BlobItem
		azureSingle azblob.GetPropertiesResponse
	)
	switch {
	case object.As(&s3Listed):
		tag = aws.ToString(s3Listed.ETag)
	case object.As(&s3Single):
		tag = aws.ToString(s3Single.ETag)
	case object.As(&gcs):
		tag = gcs.Etag
	case object.As(&azureListed):
		if p := azureListed.Properties; p != nil && p.ETag != nil {
			tag = string(*p.ETag)
		}
	case object.As(&azureSingle):
		if azureSingle.ETag != nil {
			tag = string(*azureSingle.ETag)
		}
	default:
		return "", false
	}
	return strings.Trim(strings.TrimPrefix(tag, "W/"), `"`), true
}
