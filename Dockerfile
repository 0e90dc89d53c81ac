# syntax=docker/dockerfile:1

# The worker and the starter in one image. Debian trixie in both stages, so that
# libvips at run time is the one that the worker was compiled against; its 8.16 is
# newer than what a Debian 12 has, and the newest that Debian ships.

FROM golang:1.26-trixie AS build

RUN apt-get update \
 && apt-get install -y --no-install-recommends libvips-dev libturbojpeg0-dev \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /src

# Modules first: a change of source then costs no download.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
# The worker links C libraries, and so needs cgo. The starter links nothing.
RUN --mount=type=cache,target=/go/pkg/mod \
    --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=1 go build -trimpath -ldflags="-s -w" -o /out/worker ./worker \
 && CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/starter ./starter


FROM debian:trixie-slim

# ca-certificates for sources and stores over https, tzdata for cron expressions
# with a time zone.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libvips42t64 libturbojpeg0 ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin sluice

COPY --from=build /out/worker /out/starter /usr/local/bin/

# glibc gives each thread an arena of its own and seldom hands memory back; with
# many short large images that doubles what a worker holds.
ENV MALLOC_ARENA_MAX=2

# By number, so that Kubernetes' runAsNonRoot can see that it is not root.
USER 10001:10001

# Metrics, where --metrics-addr says so.
EXPOSE 9464

# SIGTERM, Docker's default, makes the worker drain, checkpoint and hand over. Give
# it more than Docker's 10 s (docker stop --time 30).
ENTRYPOINT ["worker"]
