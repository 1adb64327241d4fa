{{/* What all pods have in common: they fit a namespace with Pod Security "restricted". */}}

{{/* Pod-level fields. Takes: root, values (of the component), user (its numeric id and group), token (whether it talks to Kubernetes). */}}
{{- define "teltubby.pod" -}}
automountServiceAccountToken: {{ .token | default false }}
# Variables that Kubernetes makes of the namespace's Services could pass for our settings.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: {{ .user }}
  runAsGroup: {{ .user }}
  fsGroup: {{ .user }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- if hasKey .values "topologySpreadConstraints" }}
topologySpreadConstraints:
  {{- with .values.topologySpreadConstraints }}
  {{- toYaml . | nindent 2 }}
  {{- else }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "teltubby.selectorLabels" . | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* How a component is evicted: one pod at a time. Takes: root, component. */}}
{{- define "teltubby.disruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "teltubby.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # One that is broken anyway does not keep its node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "teltubby.selectorLabels" . | nindent 6 }}
{{- end -}}

{{/* Container-level fields. Takes: root, values, image. */}}
{{- define "teltubby.container" -}}
image: {{ include "teltubby.image" . }}
imagePullPolicy: {{ .image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
resources: {{- toYaml .values.resources | nindent 2 }}
{{- end -}}

{{/* Metadata of a pod template. Takes: root, component, values, checksum (a string, may be empty). */}}
{{- define "teltubby.podMetadata" -}}
labels:
  # Not the versions: an upgrade that changes nothing of a pod leaves it alone.
  {{- include "teltubby.selectorLabels" . | nindent 2 }}
  {{- with .values.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .checksum .values.podAnnotations }}
annotations:
  {{- with .checksum }}
  # A change of what the pod reads once, at its start, restarts it.
  checksum/read-at-start: {{ . }}
  {{- end }}
  {{- with .values.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Liveness and readiness of a service's own pages. Takes: startSeconds, the longest that a start may take. */}}
{{- define "teltubby.probes" -}}
startupProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 2
  timeoutSeconds: 5
  failureThreshold: {{ div .startSeconds 2 }}
livenessProbe:
  httpGet: {path: /healthz, port: http}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /readyz, port: http}
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
{{- end -}}

{{/* The spec of a claim. Takes: a `persistence` object. */}}
{{- define "teltubby.claim" -}}
accessModes: {{ toJson .accessModes }}
{{- with .storageClassName }}
storageClassName: {{ . | quote }}
{{- end }}
resources: {requests: {storage: {{ .size | quote }}}}
{{- end -}}

{{/* What a StatefulSet's claims become when it goes. */}}
{{- define "teltubby.claimRetention" -}}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: {{ ternary "Retain" "Delete" .Values.keepData }}
  whenScaled: Retain
{{- end -}}

{{/*
Before SIGTERM: a program that is just starting does not hear it yet, and as the first process of its container it would
then run on until the end of its grace period. It hears it once it shows its pages.
*/}}
{{- define "teltubby.untilStoppable" -}}
command: [python, -m, teltubby_core.probe, "http://127.0.0.1:8081/healthz", --wait, "20"]
{{- end -}}
