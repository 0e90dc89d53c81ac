package storing

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func sweepsOldLeftovers(t *testing.T, s *Store) {
	leave := func() { // what a killed worker leaves
		var client *s3.Client
		switch {
		case s.folder():
			if err := os.MkdirAll(filepath.Join(s.at.Path, "images"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.at.Path, "images", "a.jpg.18d2f0c3a4b5c6d7.tmp"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		case s.bucket.As(&client):
			_, err := client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(s.at.Bucket), Key: aws.String(s.prefix + "images/a.jpg")})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	write(t, s, "images/b.jpg", "stays")
	leave()
	if n, err := s.Sweep(t.Context(), time.Now().Add(-time.Hour)); n != 0 || err != nil {
		t.Errorf("removed %d that are young: %v", n, err)
	}
	want := 1
	if s.at.Scheme == "mem" {
		want = 0
	}
	for _, want := range []int{want, 0} {
		if n, err := s.Sweep(t.Context(), time.Now().Add(time.Minute)); n != want || err != nil {
			t.Errorf("removed %d, want %d: %v", n, want, err)
		}
	}
	wantNothingLeft(t, s)
	wantBody(t, s, "images/b.jpg", "stays")
}
