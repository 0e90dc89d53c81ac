//go:build !failpoints

package main

import "google.golang.org/grpc"

func failpoints() []grpc.DialOption { return nil }
