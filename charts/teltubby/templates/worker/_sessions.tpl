{{/* Names of the sessions: of their Secrets, and of the Leases that say who uses them. A list in JSON. */}}
{{- define "teltubby.sessionNames" -}}
{{- $names := list -}}
{{- range until (int .Values.worker.sessions.size) -}}
{{- $names = append $names (printf "%s-session-%d" (include "teltubby.fullname" $) .) -}}
{{- end -}}
{{ toJson $names }}
{{- end -}}

{{/*
The names, and those of sessions beyond their size that are there still: workers log them out before the operator takes
them away. A list in JSON.
*/}}
{{- define "teltubby.sessionPool" -}}
{{- $names := include "teltubby.sessionNames" . | fromJsonArray -}}
{{- if .Values.worker.scaling.enabled -}}
{{- $pattern := printf "^%s-session-[0-9]+$" (include "teltubby.fullname" . | replace "." "[.]") -}}
{{- range (lookup "coordination.k8s.io/v1" "Lease" .Release.Namespace "").items -}}
{{- if and (regexMatch $pattern .metadata.name) (not (has .metadata.name $names)) -}}
{{- $names = append $names .metadata.name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{ toJson $names }}
{{- end -}}

{{/* Whether people log in: then the bot fills the sessions, with the rights of workers on them. */}}
{{- define "teltubby.personalSessions" -}}
{{- if eq .Values.worker.sessions.kind "user" }}yes{{ end -}}
{{- end -}}

{{/* Where sessions are and what opens them: of workers, and of a bot that fills them. */}}
{{- define "teltubby.environment.sessions" -}}
- name: MTPROTO_SESSION_KIND
  value: {{ .Values.worker.sessions.kind }}
{{- if include "teltubby.personalSessions" . }}
- name: RELAY_CHANNEL_ID
  value: {{ int64 .Values.telegram.relayChannelId | quote }}
{{- end }}
- name: SESSION_STORE
  value: kubernetes
- name: SESSION_NAMES
  value: {{ include "teltubby.sessionPool" . | fromJsonArray | join "," }}
- name: POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
{{ include "teltubby.fromSecret" (dict "name" "SESSION_ENCRYPTION_KEYS" "secret" (include "teltubby.sessionKeysSecret" .) "key" "SESSION_ENCRYPTION_KEYS") }}
{{- end -}}

{{/* Lets a component use them. Takes: a component's values as for its pod. */}}
{{- define "teltubby.sessionUser" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "teltubby.metadata" . | nindent 2 }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "teltubby.metadata" . | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ include "teltubby.fullname" .root }}-worker}
subjects:
  - {kind: ServiceAccount, name: {{ include "teltubby.component" . }}, namespace: {{ .root.Release.Namespace }}}
{{- end -}}
