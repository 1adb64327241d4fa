{{/* The labels that the ServiceMonitor gives this release's metrics, as a selector has them. */}}
{{- define "teltubby.ofRelease" -}}
{{ printf "namespace=%q,app_kubernetes_io_instance=%q" .Release.Namespace .Release.Name }}
{{- end -}}
