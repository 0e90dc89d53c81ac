package storing

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"

	"sluice/pipeline"
)

// storeError is what every error of a store is: one line for people, and the
// errors that it stands for.
type storeError struct {
	line string
	errs []error
}

func (e *storeError) Error() string   { return e.line }
func (e *storeError) Unwrap() []error { return e.errs }

// fault is an error of the store itself: it is out of reach, full, or forbidden.
func (s *Store) fault(ctx context.Context, op, key string, err error) error {
	e := &storeError{}
	// A folder that went away is not an object that is not there.
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
		e.errs = append(e.errs, err)
	}
	why := reason(err)
	if absent := s.absent(err); absent || denied(err) {
		e.errs = append(e.errs, &pipeline.Refusal{Store: s.url, Absent: absent, Err: errors.New(why)})
	}
	// The drivers word the end of a context in many ways. That of a call that
	// stalled is not the caller's.
	if stall := stalled(ctx); stall != nil {
		e.errs = []error{stall}
		why = stall.Error()
	} else if ended := ctx.Err(); ended != nil {
		e.errs = append(e.errs, ended)
		why = ended.Error()
	}
	if key != "" {
		op += " " + strconv.Quote(key)
	}
	e.line = fmt.Sprintf("%s: %s: %s", s.url, op, why)
	return e
}

// absent is whether err says that there is no such bucket or folder.
func (s *Store) absent(err error) bool {
	var (
		api   smithy.APIError
		azure *azcore.ResponseError
	)
	switch {
	case errors.Is(err, errNoBucket), errors.Is(err, storage.ErrBucketNotExist):
		return true
	case errors.As(err, &api):
		return api.ErrorCode() == "NoSuchBucket"
	case errors.As(err, &azure):
		return azure.ErrorCode == "ContainerNotFound"
	}
	return s.folder() && errors.Is(err, fs.ErrNotExist)
}

// errNoBucket is a bucket that does not answer for itself.
var errNoBucket = errors.New("the bucket is missing, or hidden from these credentials")

// denied is whether err says that the store is there, and forbids.
func denied(err error) bool {
	var (
		amazon *smithyhttp.ResponseError
		google *googleapi.Error
		azure  *azcore.ResponseError
	)
	status := 0
	switch {
	case errors.As(err, &amazon):
		status = amazon.HTTPStatusCode()
	case errors.As(err, &google):
		status = google.Code
	case errors.As(err, &azure):
		status = azure.StatusCode
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return true
	}
	for _, no := range []error{fs.ErrPermission, syscall.EROFS, syscall.ENOTDIR, syscall.EISDIR} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

func (s *Store) missing(key string) error {
	return &storeError{fmt.Sprintf("%s: there is no object %q", s.url, key), []error{fs.ErrNotExist}}
}

func (s *Store) exists(key string) error {
	return &storeError{fmt.Sprintf("%s: there is an object %q already", s.url, key), []error{fs.ErrExist}}
}

// readFault tells a missing object from a missing store. The drivers report
// both as not found, and with them a bucket that may not be read (gcsblob) and
// a name that does not resolve (azureblob). Rows must not fail for those.
func (s *Store) readFault(ctx context.Context, op, key string, err error) error {
	switch {
	case ctx.Err() != nil:
		return s.fault(ctx, op, key, err)
	case refusesName(key, err):
		return s.missing(key)
	case !isMissing(err):
		return s.fault(ctx, op, key, err)
	}
	if s.folder() {
		if _, gone := os.Stat(s.at.Path); gone != nil {
			return s.fault(ctx, op, key, gone)
		}
		return s.missing(key)
	}
	w := s.watch(ctx)
	defer w.end(nil)
	var there bool
	listErr := w.call(0, func() (err error) {
		there, err = s.bucket.IsAccessible(w.ctx)
		return err
	})
	switch {
	case listErr == nil && !there:
		return s.fault(ctx, op, key, errNoBucket)
	case listErr != nil && gcerrors.Code(listErr) != gcerrors.PermissionDenied:
		return s.fault(w.ctx, op, key, listErr) //nolint:contextcheck // w.ctx is of ctx
	}
	return s.missing(key)
}

// isMissing reports whether err says that an object is not there, as far as the
// driver's code for that goes.
func isMissing(err error) bool {
	var (
		google *googleapi.Error
		dns    *net.DNSError
	)
	switch {
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG):
		// a.jpg/b where a.jpg is a file, and a name longer than any.
		return true
	case gcerrors.Code(err) != gcerrors.NotFound:
		return false
	case errors.As(err, &google) && google.Code == http.StatusForbidden, errors.As(err, &dns), errors.Is(err, storage.ErrBucketNotExist):
		return false
	}
	return true
}

// refusesName is whether a gateway to a file system, which has no room for the
// key, answers 400 to it. That is no fault of the store: a row named the key.
func refusesName(key string, err error) bool {
	const longest = 255 // bytes; S3 itself has no limit to a segment
	var answer *smithyhttp.ResponseError
	return errors.As(err, &answer) && answer.HTTPStatusCode() == http.StatusBadRequest &&
		slices.ContainsFunc(strings.Split(key, "/"), func(segment string) bool { return len(segment) > longest })
}

// reason is err in one line, without what gocloud and the SDKs put around it,
// and without URLs that may be signed.
func reason(err error) string {
	err = peel(err)
	var (
		azure  *azcore.ResponseError
		google *googleapi.Error
		api    smithy.APIError
		path   *fs.PathError
		link   *os.LinkError
	)
	switch {
	case errors.As(err, &azure):
		return fmt.Sprintf("%s (HTTP status %d)", azure.ErrorCode, azure.StatusCode)
	case errors.As(err, &google):
		return oneLine(fmt.Sprintf("%s (HTTP status %d)", google.Message, google.Code))
	case errors.As(err, &api):
		return oneLine(fmt.Sprintf("%s: %s%s", api.ErrorCode(), api.ErrorMessage(), status(err)))
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &link):
		return link.Err.Error()
	}
	return oneLine(unsent(err).Error())
}

// status is the HTTP status of S3's answer, in words.
func status(err error) string {
	var answer *smithyhttp.ResponseError
	if !errors.As(err, &answer) || answer.Response == nil {
		return ""
	}
	return fmt.Sprintf(" (HTTP status %d)", answer.HTTPStatusCode())
}

// unsent is why a request to S3 could not be sent. If it was one for
// credentials, the whole chain says more.
func unsent(err error) error {
	var op, inner *smithy.OperationError
	var sent *smithyhttp.RequestSendError
	if errors.As(err, &op) && !errors.As(op.Err, &inner) && errors.As(op.Err, &sent) {
		return sent.Err
	}
	return err
}

// peel takes off gocloud's wrapping, which repeats key and code.
func peel(err error) error {
	if w, ok := err.(interface{ Unwrap() []error }); ok {
		if errs := w.Unwrap(); len(errs) > 0 && errs[0] != nil {
			return peel(errs[0])
		}
	}
	return err
}

// oneLine fits text into one line of the Temporal UI.
func oneLine(text string) string {
	const longest = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "..."
	}
	return text
}
