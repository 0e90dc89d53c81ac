package s3test

import (
	"context"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Uploads are the keys of the uploads in parts that were begun in a bucket, and
// neither completed nor removed.
func (s *Server) Uploads(t testing.TB, bucket string) (keys []string) {
	t.Helper()
	client := s3.New(s3.Options{
		BaseEndpoint: &s.Endpoint,
		Region:       region,
		UsePathStyle: true,
		HTTPClient:   &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: AccessKey, SecretAccessKey: SecretKey}, nil
		}),
	})
	left, err := client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range left.Uploads {
		keys = append(keys, *u.Key)
	}
	return keys
}
