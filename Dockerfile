# One image with every program but the simulator, and a target that adds it:
#
#   docker build -t wxbus .
#   docker build -t wxbus-sim --target sim .
#   docker build --target sbom -o . .          (BuildKit) sbom.spdx.json: what the image is made of
#
# Builds with BuildKit and with the older builder. The programs run as user 10001 and write nowhere, api-proxy's
# WXBUS_SPOOL_DIR (/tmp) aside: give them a read-only root file system and a tmpfs there.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
WORKDIR /src
COPY tools/dev/deps.sh tools/dev/
RUN bash -euc '. tools/dev/deps.sh; apt-get update; apt-get install -y --no-install-recommends $DEPS_BUILD'
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY common common
COPY proto proto
COPY services services
COPY tools tools
RUN cmake --preset release -D CMAKE_INSTALL_PREFIX=/usr/local && cmake --build --preset release \
	&& DESTDIR=/out/wxbus cmake --install build/release --strip --component wxbus \
	&& DESTDIR=/out/sim cmake --install build/release --strip --component sim

FROM ${BASE} AS runtime
# Security updates first: the base is as old as the day it was made.
RUN apt-get update && apt-get upgrade -y && apt-get install -y --no-install-recommends \
		ca-certificates libcivetweb1 libcurl4t64 libexpat1 libjson-c5 libpcre2-8-0 libpq5 librdkafka1 libssl3t64 \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/log/alternatives.log \
		/usr/share/doc/* /usr/share/man/* /usr/share/locale/* \
	&& useradd --system --uid 10001 --user-group --no-create-home --home-dir /nonexistent \
		--shell /usr/sbin/nologin wxbus \
	&& install -d -o 10001 -g 10001 -m 0700 /var/lib/wxbus/caller-keys
COPY --from=build /out/wxbus /
COPY LICENSE /usr/share/doc/wxbus/copyright
COPY deploy/image/wxbus-healthy /usr/local/bin/
COPY deploy/image/sbom.sh /tmp/
ARG VERSION=0.1.0
RUN sh /tmp/sbom.sh "${VERSION}" >/usr/local/share/wxbus/sbom.spdx.json && rm /tmp/sbom.sh
ARG BASE
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="wxbus" \
	org.opencontainers.image.description="Back end of a Weixin Open Platform third-party platform" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}" \
	org.opencontainers.image.created="${CREATED}" \
	org.opencontainers.image.base.name="${BASE}"
USER 10001:10001
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["wxbus-healthy"]
CMD ["wxbus", "--help"]

FROM scratch AS sbom
COPY --from=runtime /usr/local/share/wxbus/sbom.spdx.json /

FROM runtime AS sim
COPY --from=build /out/sim /

FROM runtime AS wxbus
