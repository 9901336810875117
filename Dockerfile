# cram as an image, for one machine and for Kubernetes:
#   docker build --target cpu --tag cram:cpu .
#   docker build --target cuda --tag cram:cuda .
# Nothing is built for a GPU here: NVRTC does it where the image runs. Open MPI and an ssh server are what an MPIJob starts ranks with.

FROM node:22-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm install --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --ignore-scripts --no-audit --no-fund

# The cpu backend builds its kernels with gcc, where it runs.
FROM node:22-bookworm-slim AS cpu
RUN apt-get update \
  && apt-get install --yes --no-install-recommends gcc libc6-dev openmpi-bin openssh-client openssh-server \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /run/sshd \
  && printf 'StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n' >> /etc/ssh/ssh_config \
  && printf 'StrictModes no\n' >> /etc/ssh/sshd_config
COPY --from=build /build/package.json /opt/cram/
COPY --from=build /build/node_modules /opt/cram/node_modules
COPY --from=build /build/docs /opt/cram/docs
COPY --from=build /build/dist /opt/cram/dist
RUN chmod +x /opt/cram/dist/src/cli/main.js && ln -s /opt/cram/dist/src/cli/main.js /usr/local/bin/cram
WORKDIR /work
ENTRYPOINT ["cram"]

# The runtime has NVRTC, cuBLASLt and NCCL; the driver comes from the machine.
FROM nvidia/cuda:12.6.3-runtime-ubuntu24.04 AS cuda
RUN apt-get update \
  && apt-get install --yes --no-install-recommends gcc libc6-dev openmpi-bin openssh-client openssh-server \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir -p /run/sshd \
  && printf 'StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\n' >> /etc/ssh/ssh_config \
  && printf 'StrictModes no\n' >> /etc/ssh/sshd_config
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=cpu /opt/cram /opt/cram
RUN ln -s /opt/cram/dist/src/cli/main.js /usr/local/bin/cram
WORKDIR /work
ENTRYPOINT ["cram"]
