{{/* Secrets: which ones are used, and values that are made once and kept over upgrades. */}}

{{- define "teltubby.telegramSecret" -}}
{{ .Values.telegram.existingSecret | default (printf "%s-telegram" (include "teltubby.fullname" .)) }}
{{- end -}}

{{- define "teltubby.webhookSecret" -}}
{{ .Values.webhook.existingSecret | default (printf "%s-webhook" (include "teltubby.fullname" .)) }}
{{- end -}}

{{- define "teltubby.rabbitmqSecret" -}}
{{ .Values.rabbitmq.existingSecret | default (printf "%s-rabbitmq" (include "teltubby.fullname" .)) }}
{{- end -}}

{{- define "teltubby.s3Secret" -}}
{{ .Values.s3.existingSecret | default (printf "%s-s3" (include "teltubby.fullname" .)) }}
{{- end -}}

{{- define "teltubby.sessionKeysSecret" -}}
{{ .Values.worker.existingSessionKeysSecret | default (printf "%s-session-keys" (include "teltubby.fullname" .)) }}
{{- end -}}

{{/* Whether pods get S3 keys at all; without, they use what their surroundings give (instance roles). */}}
{{- define "teltubby.hasS3Keys" -}}
{{- if or .Values.minio.enabled .Values.s3.accessKeyId .Values.s3.existingSecret -}}true{{- end -}}
{{- end -}}

{{/*
A value for a Secret, in base64: what was given, else what the Secret holds already, else a new one.
Takes: root, secret (its name), key, given, fresh (the name of a template that makes a new one).
*/}}
{{- define "teltubby.kept" -}}
{{- $secret := lookup "v1" "Secret" .root.Release.Namespace .secret | default dict -}}
{{- $data := $secret.data | default dict -}}
{{- if .given -}}
{{ .given | toString | b64enc }}
{{- else if hasKey $data .key -}}
{{ index $data .key }}
{{- else -}}
{{ include .fresh .root | b64enc }}
{{- end -}}
{{- end -}}

{{- define "teltubby.fresh.password" -}}{{ randAlphaNum 32 }}{{- end -}}
{{- define "teltubby.fresh.accessKey" -}}{{ randAlphaNum 20 }}{{- end -}}
{{/* 32 random bytes in url-safe base64, as Fernet wants its keys. */}}
{{- define "teltubby.fresh.fernetKey" -}}{{ randBytes 32 | replace "+" "-" | replace "/" "_" }}{{- end -}}
{{/* Shaped like one of @BotFather's. */}}
{{- define "teltubby.fresh.botToken" -}}7{{ randNumeric 8 }}:{{ randAlphaNum 35 }}{{- end -}}
{{/* 2048 bits, as Telegram has them; genPrivateKey makes more. */}}
{{- define "teltubby.fresh.privateKey" -}}{{ (genSelfSignedCert "simulator" nil nil 3650).Key }}{{- end -}}

{{/* Annotations of a Secret whose volume outlives the release: with a new one the volume would be of no use. */}}
{{- define "teltubby.keptAnnotations" -}}
{{- if .Values.keepData }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end -}}

{{/* The content of somebody else's Secret, so that pods restart at the next upgrade after it changed. Takes: root, secret. */}}
{{- define "teltubby.contentOf" -}}
{{- if .secret -}}
{{- (lookup "v1" "Secret" .root.Release.Namespace .secret | default dict).data | toJson -}}
{{- end -}}
{{- end -}}

{{/*
What the credentials of a pod depend on: what was given, not what was made, since that never changes (and is made
anew each time a template is looked at without a cluster).
*/}}
{{- define "teltubby.credentials.common" -}}
{{- $values := .Values -}}
{{- range list $values.telegram.existingSecret $values.rabbitmq.existingSecret $values.s3.existingSecret -}}
{{- include "teltubby.contentOf" (dict "root" $ "secret" .) -}}
{{- end -}}
{{- list $values.telegram.botToken $values.rabbitmq.username $values.rabbitmq.password $values.s3.accessKeyId $values.s3.secretAccessKey | toJson -}}
{{- end -}}

{{- define "teltubby.credentials.bot" -}}
{{- include "teltubby.credentials.common" . -}}
{{- include "teltubby.contentOf" (dict "root" . "secret" .Values.webhook.existingSecret) -}}
{{- if include "teltubby.personalSessions" . -}}
{{- include "teltubby.credentials.sessions" . -}}
{{- end -}}
{{- end -}}

{{- define "teltubby.credentials.worker" -}}
{{- include "teltubby.credentials.common" . -}}
{{- include "teltubby.credentials.sessions" . -}}
{{- end -}}

{{- define "teltubby.credentials.sessions" -}}
{{- include "teltubby.contentOf" (dict "root" . "secret" .Values.worker.existingSessionKeysSecret) -}}
{{- list .Values.telegram.apiId .Values.telegram.apiHash | toJson -}}
{{- end -}}
