{{/* The settings of bot, worker and helm test, as environment variables. */}}

{{/* Takes: name, secret, key. */}}
{{- define "teltubby.fromSecret" -}}
- name: {{ .name }}
  valueFrom: {secretKeyRef: {name: {{ .secret | quote }}, key: {{ .key | quote }}}}
{{- end -}}

{{/*
A container's variables: its own and further ones. Of two with the same name Kubernetes does not always keep the last.
Takes: own (a list in YAML), extra, field (where extra comes from).
*/}}
{{- define "teltubby.variables" -}}
{{- $own := list -}}
{{- range fromYamlArray .own }}{{ $own = append $own .name }}{{ end -}}
{{- range .extra -}}
{{- if has .name $own -}}
{{- fail (printf "\n\n  %s: %s is set already, by the chart (values.yaml has a value for it then) or twice\n" $.field .name) -}}
{{- end -}}
{{- $own = append $own .name -}}
{{- end -}}
{{- .own }}
{{- with .extra }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "teltubby.whitelist" -}}
{{- $ids := .Values.telegram.whitelistIds -}}
{{- if and .Values.simulator.enabled (not $ids) -}}
1001
{{- else -}}
{{- range $number, $id := $ids }}{{ if $number }},{{ end }}{{ int64 $id }}{{ end -}}
{{- end -}}
{{- end -}}

{{/* How to reach Telegram over MTProto: for workers, and for a bot in whose chat people log in. */}}
{{- define "teltubby.environment.mtproto" -}}
{{- $secret := include "teltubby.telegramSecret" . -}}
{{- $keys := .Values.telegram.secretKeys -}}
{{- if .Values.simulator.enabled -}}
{{- $secret = printf "%s-simulator" (include "teltubby.fullname" .) -}}
{{- $keys = dict "apiId" "api-id" "apiHash" "api-hash" -}}
{{- end -}}
{{ include "teltubby.fromSecret" (dict "name" "MTPROTO_API_ID" "secret" $secret "key" $keys.apiId) }}
{{ include "teltubby.fromSecret" (dict "name" "MTPROTO_API_HASH" "secret" $secret "key" $keys.apiHash) }}
{{- if .Values.simulator.enabled }}
- name: MTPROTO_SERVER
  value: {{ include "teltubby.fullname" . }}-simulator:4432
- name: MTPROTO_DC_ID
  value: "2"
- name: MTPROTO_PUBLIC_KEY_FILE
  value: /simulator/key.pem
{{- end }}
{{- end -}}

{{/* What the bot reads, beside the common settings. */}}
{{- define "teltubby.environment.bot" -}}
{{- if .Values.simulator.enabled -}}
- name: TELEGRAM_API_URL
  value: http://{{ include "teltubby.fullname" . }}-simulator:8080
{{ else if .Values.telegram.apiUrl -}}
- name: TELEGRAM_API_URL
  value: {{ .Values.telegram.apiUrl | quote }}
{{ end -}}
- name: TELEGRAM_WHITELIST_IDS
  value: {{ include "teltubby.whitelist" . | quote }}
{{- with .Values.telegram.adminIds }}
- name: ADMIN_IDS
  value: "{{ range $number, $id := . }}{{ if $number }},{{ end }}{{ int64 $id }}{{ end }}"
{{- end }}
{{- if .Values.webhook.enabled }}
- name: TELEGRAM_MODE
  value: webhook
- name: WEBHOOK_URL
  value: {{ include "teltubby.webhookUrl" . | quote }}
- name: WEBHOOK_HOST
  value: 0.0.0.0
- name: WEBHOOK_PORT
  value: "8080"
{{ include "teltubby.fromSecret" (dict "name" "WEBHOOK_SECRET" "secret" (include "teltubby.webhookSecret" .) "key" "WEBHOOK_SECRET") }}
{{- end }}
{{- with .Values.archive.quotaBytes }}
- name: S3_BUCKET_QUOTA_BYTES
  value: {{ int64 . | quote }}
{{- end }}
- name: DEDUP_ENABLE
  value: {{ .Values.archive.dedup | quote }}
- name: ALBUM_AGGREGATION_WINDOW_SECONDS
  value: {{ .Values.archive.albumWindowSeconds | quote }}
- name: CONCURRENCY
  value: {{ .Values.bot.concurrency | quote }}
{{- end -}}

{{/* The simulator calls the Service itself; Telegram comes through the Ingress. */}}
{{- define "teltubby.webhookUrl" -}}
{{- if .Values.simulator.enabled -}}
http://{{ include "teltubby.fullname" . }}-bot:8080{{ .Values.webhook.path }}
{{- else -}}
https://{{ .Values.webhook.host }}{{ .Values.webhook.path }}
{{- end -}}
{{- end -}}

{{- define "teltubby.environment.rabbitmq" -}}
{{- $values := .Values.rabbitmq -}}
{{- $secret := include "teltubby.rabbitmqSecret" . -}}
- name: RABBITMQ_HOST
  value: {{ $values.enabled | ternary (printf "%s-rabbitmq" (include "teltubby.fullname" .)) $values.host | quote }}
{{- with $values.port }}
- name: RABBITMQ_PORT
  value: {{ int . | quote }}
{{- end }}
- name: RABBITMQ_VHOST
  value: {{ $values.vhost | quote }}
{{- if $values.tls }}
- name: RABBITMQ_TLS
  value: "true"
- name: RABBITMQ_VERIFY_TLS
  value: {{ $values.verifyTls | quote }}
{{- end }}
{{- include "teltubby.brokerAuthority" . }}
{{ include "teltubby.fromSecret" (dict "name" "RABBITMQ_USERNAME" "secret" $secret "key" $values.secretKeys.username) }}
{{ include "teltubby.fromSecret" (dict "name" "RABBITMQ_PASSWORD" "secret" $secret "key" $values.secretKeys.password) }}
{{- end -}}

{{- define "teltubby.brokerAuthority" -}}
{{- with .Values.rabbitmq.caConfigMap }}
{{- if .name }}
- name: RABBITMQ_CA_FILE
  value: /etc/teltubby/rabbitmq-ca/{{ .key }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "teltubby.environment.s3" -}}
{{- $values := .Values.s3 -}}
{{- $endpoint := .Values.minio.enabled | ternary (printf "http://%s-minio:9000" (include "teltubby.fullname" .)) $values.endpoint -}}
{{- with $endpoint -}}
- name: S3_ENDPOINT
  value: {{ . | quote }}
{{ end -}}
- name: S3_BUCKET
  value: {{ $values.bucket | quote }}
- name: S3_REGION
  value: {{ $values.region | quote }}
- name: S3_FORCE_PATH_STYLE
  value: {{ $values.forcePathStyle | quote }}
- name: S3_CREATE_BUCKET
  value: {{ $values.createBucket | quote }}
- name: S3_VERIFY_TLS
  value: {{ $values.verifyTls | quote }}
{{- if $values.caConfigMap.name }}
- name: S3_CA_FILE
  value: /etc/teltubby/s3-ca/{{ $values.caConfigMap.key }}
{{- end }}
{{- if include "teltubby.hasS3Keys" . }}
{{- $secret := include "teltubby.s3Secret" . }}
{{ include "teltubby.fromSecret" (dict "name" "S3_ACCESS_KEY_ID" "secret" $secret "key" $values.secretKeys.accessKeyId) }}
{{ include "teltubby.fromSecret" (dict "name" "S3_SECRET_ACCESS_KEY" "secret" $secret "key" $values.secretKeys.secretAccessKey) }}
{{- end }}
{{- end -}}

{{/* What bot and worker both read. */}}
{{- define "teltubby.environment.common" -}}
{{ include "teltubby.fromSecret" (dict "name" "TELEGRAM_BOT_TOKEN" "secret" (include "teltubby.telegramSecret" .) "key" .Values.telegram.secretKeys.botToken) }}
{{ include "teltubby.environment.rabbitmq" . }}
{{ include "teltubby.environment.s3" . }}
- name: MAX_FILE_GB
  value: {{ .Values.archive.maxFileGb | quote }}
- name: LOG_LEVEL
  value: {{ .Values.log.level }}
- name: LOG_FORMAT
  value: {{ .Values.log.format }}
- name: HEALTH_HOST
  value: 0.0.0.0
- name: HEALTH_PORT
  value: "8081"
{{- end -}}

{{/* Authorities of an external broker and store: as mounts, and as volumes. */}}
{{- define "teltubby.authorityMounts" -}}
{{- include "teltubby.brokerAuthorityMount" . }}
{{- if .Values.s3.caConfigMap.name }}
- {name: s3-ca, mountPath: /etc/teltubby/s3-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "teltubby.authorityVolumes" -}}
{{- include "teltubby.brokerAuthorityVolume" . }}
{{- with .Values.s3.caConfigMap.name }}
- name: s3-ca
  configMap: {name: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- define "teltubby.brokerAuthorityMount" -}}
{{- if .Values.rabbitmq.caConfigMap.name }}
- {name: rabbitmq-ca, mountPath: /etc/teltubby/rabbitmq-ca, readOnly: true}
{{- end }}
{{- end -}}

{{- define "teltubby.brokerAuthorityVolume" -}}
{{- with .Values.rabbitmq.caConfigMap.name }}
- name: rabbitmq-ca
  configMap: {name: {{ . | quote }}}
{{- end }}
{{- end -}}
