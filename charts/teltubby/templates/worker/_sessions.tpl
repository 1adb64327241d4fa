{{/* Names of the sessions: of their Secrets, and of the Leases that say who uses them. A list in JSON. */}}
{{- define "teltubby.sessionNames" -}}
{{- $names := list -}}
{{- range until (int .Values.worker.sessions.size) -}}
{{- $names = append $names (printf "%s-session-%d" (include "teltubby.fullname" $) .) -}}
{{- end -}}
{{ toJson $names }}
{{- end -}}
