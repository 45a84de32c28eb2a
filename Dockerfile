# Framegate in a container: mount a configuration as /etc/framegate/config.yaml, with its certificates beside it.

FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# No package here needs its install scripts, and the one that has a large one (node) would fetch what the image has.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

FROM node:24-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY proto ./proto
USER node

# The ports of config.example.yaml: TLS, cleartext. The admin server stays inside, on loopback.
EXPOSE 8443 8080
STOPSIGNAL SIGTERM
# Asks the admin server where config.example.yaml has it; with another admin.address, give docker run another check.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["node", "-e", "fetch('http://127.0.0.1:9901/live').then((response) => process.exit(response.ok ? 0 : 1), () => process.exit(1))"]

# No shell and no npm in between: signals reach the proxy itself, and its exit code is the container's.
ENTRYPOINT ["node", "/app/dist/main.js"]
CMD ["serve", "-c", "/etc/framegate/config.yaml"]
