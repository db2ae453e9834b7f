# simulcart for amd64 and arm64:
#   docker buildx build --platform linux/amd64,linux/arm64 --build-arg VERSION=v1.0.0 -t simulcart .
#
# The program is built on the builder's own architecture and cross-compiled, so that no emulator runs the compiler.
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=devel
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/simulcart ./cmd/simulcart

FROM debian:12-slim
# ffmpeg converts what an output cannot carry, and plays the test card of `simulcart demo`; ca-certificates vouch for the platforms' RTMPS servers.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates ffmpeg \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /nonexistent --shell /usr/sbin/nologin simulcart
COPY --from=build /out/simulcart /usr/local/bin/simulcart
COPY LICENSE web/pages/hls.js-LICENSE.txt /usr/share/doc/simulcart/
USER 10001:10001

# RTMP, RTMPS, RTSP, status page, API and HLS, metrics and health; media of WebRTC.
EXPOSE 1935 1936 8554 8080 9464 8189/udp 8189/tcp

# There is no HEALTHCHECK: the orchestrator asks /healthz (alive) and /readyz (takes publishers) on the metrics listener.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/simulcart"]
CMD ["serve", "--config", "/etc/simulcart/simulcart.yaml"]
