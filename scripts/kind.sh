#!/usr/bin/env bash
# The archive in a local kind cluster: kind.sh up | demo | down, as `make kind-up` and so on call it.
# Without TELTUBBY_VALUES, a file with your bot's values, it gets a simulated Telegram. The Makefile lists the other settings.
set -euo pipefail
cd "$(dirname "$0")/.."

docker=${DOCKER:-docker} kind=${KIND:-kind} kubectl=${KUBECTL:-kubectl} helm=${HELM:-helm}
cluster=${KIND_CLUSTER:-teltubby}
namespace=${NAMESPACE:-teltubby}
context=kind-$cluster
version=${VERSION:?the tag of the images: make sets it}
prefix=${REGISTRY:+$REGISTRY/}teltubby-
parts=(bot worker operator tools)

say() { printf 'kind: %s\n' "$*" >&2; }

need() {
  if ! command -v "$1" >/dev/null; then
    say "$1 is needed and not found: see $2"
    exit 1
  fi
}

is_up() { "$kind" get clusters 2>/dev/null | grep -qx "$cluster"; }

up() {
  if ! is_up; then
    "$kind" create cluster --name "$cluster" --config "${KIND_CONFIG:-kind-config.yaml}" ${KIND_NODE_IMAGE:+--image "$KIND_NODE_IMAGE"} --wait 3m
  fi
  local named=("${parts[@]/#/$prefix}")
  # shellcheck disable=SC2086  # a list of names
  "$kind" load docker-image --name "$cluster" "${named[@]/%/:$version}" ${KIND_LOAD:-}
  "$kubectl" --context "$context" apply -f - <<YAML
{apiVersion: v1, kind: Namespace, metadata: {name: $namespace, labels: {pod-security.kubernetes.io/enforce: restricted}}}
YAML
  local values=(--set simulator.enabled=true) images="" part
  if [ -n "${TELTUBBY_VALUES:-}" ]; then values=(--values "$TELTUBBY_VALUES"); fi
  for part in "${parts[@]}"; do
    images+=$part.image.repository=$prefix$part,$part.image.tag=$version,
    # another build of the same tag starts pods anew
    images+=${part/tools/simulator}.podAnnotations.image=$("$docker" image inspect --format '{{.Id}}' "$prefix$part:$version"),
  done
  # shellcheck disable=SC2086  # flags
  "$helm" upgrade --install teltubby charts/teltubby --kube-context "$context" --namespace "$namespace" "${values[@]}" \
    --set "$images"minio.service.type=NodePort,minio.service.s3NodePort=30900,minio.service.consoleNodePort=30901 \
    --wait --timeout "${TIMEOUT:-10m}" ${HELM_FLAGS:-}
  say "all is ready; MinIO's console: http://127.0.0.1:30901. Next: make kind-demo"
}

demo() {
  if ! is_up; then
    say "there is no cluster $cluster; first: make kind-up"
    exit 1
  fi
  "$helm" test teltubby --kube-context "$context" --namespace "$namespace" --logs --timeout "${TIMEOUT:-10m}"
}

need "$docker" https://docs.docker.com/engine/install/
need "$kind" https://kind.sigs.k8s.io/docs/user/quick-start/#installation
need "$kubectl" https://kubernetes.io/docs/tasks/tools/
need "$helm" https://helm.sh/docs/intro/install/
case ${1:-} in
up) up ;;
demo) demo ;;
down) "$kind" delete cluster --name "$cluster" ;;
*)
  say "usage: kind.sh up | demo | down"
  exit 2
  ;;
esac
