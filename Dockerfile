# Framegate in a container: mount a configuration as /etc/framegate/config.yaml, with its certificates beside it.
# docs/deployment.md says how to run it; `npm run test:deploy` builds it and runs it.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package here needs its install scripts, and the one that has a large one (node) would fetch what the image has.
RUN ["npm", "ci", "--ignore-scripts"]
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
COPY scripts/build-page.ts ./scripts/
COPY dashboard ./dashboard
RUN ["npm", "run", "build"]
RUN ["npm", "prune", "--omit=dev", "--ignore-scripts"]
# Node and the libraries it is linked with, at their own paths; the rest of the image stays behind.
RUN node="$(realpath "$(which node)")" \
  && mkdir -p /rootfs/etc /rootfs/app /rootfs/tmp \
  && cp --parents --dereference "$node" $(ldd "$node" | grep -o '/[^ ]*') /rootfs/ \
  && mv "/rootfs$node" /rootfs/app/node \
  && printf 'framegate:x:65532:65532:framegate:/app:/app/node\n' >/rootfs/etc/passwd \
  && printf 'framegate:x:65532:\n' >/rootfs/etc/group \
  && chmod 1777 /rootfs/tmp \
  && cp -r node_modules dist package.json /rootfs/app/

# No shell, no package manager, nothing that writes: what is not here cannot be used against it.
FROM scratch
COPY --from=build /rootfs /
COPY LICENSE /app/
COPY proto /app/proto
# What `framegate explain` shows.
COPY docs/diagnoses /app/docs/diagnoses
ENV NODE_ENV=production
WORKDIR /app
# By number, which Kubernetes' runAsNonRoot asks for. Any other user will do as well: nothing here belongs to it.
USER 65532:65532

# The ports of config.example.yaml: TLS, cleartext. The admin server stays inside, on loopback.
EXPOSE 8443 8080
STOPSIGNAL SIGTERM
# Asks the admin server where config.example.yaml has it; with another admin.address, give docker run another check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/app/node", "-e", "fetch('http://127.0.0.1:9901/live').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]

# No shell and no npm in between: signals reach the proxy itself, and its exit code is the container's.
# With the flag, SIGUSR1 never opens Node's debugger, not even while Node starts.
ENTRYPOINT ["/app/node", "--disable-sigusr1", "--max-semi-space-size=4", "/app/dist/main.js"]
CMD ["serve", "-c", "/etc/framegate/config.yaml"]
