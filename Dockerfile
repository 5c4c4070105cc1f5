# The static binary and nothing else: no shell, no libc, no root.
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libopus-dev libopusfile-dev pkg-config && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
RUN make static VERSION=$VERSION && mkdir -m 0700 /data

FROM scratch
COPY --from=build /src/bin/conclave /conclave
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 5060/udp 5060/tcp 5061/tcp 20000-29999/udp
ENTRYPOINT ["/conclave"]
CMD ["serve", "--data", "/data"]
