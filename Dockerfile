# shmgate in a container: built on the official Swift image, run on a slim Debian.
#
# Segments live in /dev/shm. Share it with the host (--ipc=host or -v /dev/shm:/dev/shm) and run as the host's user
# (--user), so that the host's own processes can map what is created; see README.md.

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libcctz-dev libgnutls28-dev liblz4-dev libmicrohttpd-dev libzstd-dev pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# The packages change less often than the sources: resolve them in a layer of their own.
COPY Package.swift ./
RUN swift package resolve

# openapi.yaml is compiled in; the manifest names the test targets, so their folders must be there.
COPY openapi.yaml ./
COPY Examples ./Examples
COPY Tests ./Tests
COPY Sources ./Sources
RUN swift build -c release --static-swift-stdlib --product shmgate \
    && install -D --strip "$(swift build -c release --static-swift-stdlib --show-bin-path)/shmgate" /out/shmgate

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcctz2 libgnutls30 liblz4-1 libmicrohttpd12 libzstd1 tzdata zlib1g \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb \
    && groupadd --gid 10001 shmgate \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin shmgate
COPY --from=build /out/shmgate /usr/local/bin/shmgate
USER 10001:10001

# A published port needs a listener beyond the container's loopback. Publish it to the host's loopback only:
# -p 127.0.0.1:8080:8080. Every setting is an environment variable, so arguments need not repeat these two.
ENV SHMGATE_LISTEN=0.0.0.0:8080 \
    SHMGATE_INSECURE=true
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s --retries=3 CMD ["shmgate", "health"]
ENTRYPOINT ["shmgate"]
CMD ["serve"]
