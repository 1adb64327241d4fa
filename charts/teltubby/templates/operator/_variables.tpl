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
{{- end -}}
