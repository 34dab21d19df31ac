FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o /chaos ./cmd/chaos && mkdir /work

FROM scratch
COPY --from=build /chaos /chaos
# Scenario files are mounted here, and reports are written here:
#   docker run --rm -v "$PWD:/work" chaos run my-scenario.yaml
COPY --from=build --chown=65532:65532 /work /work
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/chaos"]
