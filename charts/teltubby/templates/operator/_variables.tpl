{{- define "teltubby.operator.variables" -}}
- name: OPERATOR_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: OPERATOR_LEASE_NAME
  value: {{ include "teltubby.fullname" . }}-operator
- name: LOG_LEVEL
  value: {{ .Values.log.level }}
- name: LOG_FORMAT
  value: {{ .Values.log.format }}
- name: HEALTH_HOST
  value: 0.0.0.0
- name: HEALTH_PORT
  value: "8081"
{{- include "teltubby.brokerAuthority" . }}
{{- end -}}

{{/* Has helm make it before an upgrade, and take it away when that went well. Takes its turn among such. */}}
{{- define "teltubby.beforeUpgrade" -}}
annotations:
  helm.sh/hook: pre-upgrade
  helm.sh/hook-weight: {{ . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
