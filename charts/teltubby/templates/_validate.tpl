{{/* What values.schema.json can't say, since it concerns several values at once: all of it told at once. */}}
{{- define "teltubby.validate" -}}
{{- $values := .Values -}}
{{- $telegram := $values.telegram -}}
{{- $problems := list -}}
{{- if not (or $values.simulator.enabled $telegram.existingSecret) -}}
{{- if not $telegram.botToken -}}
{{- $problems = append $problems "telegram.botToken: missing; @BotFather gives it (or name telegram.existingSecret, or try it with simulator.enabled=true)" -}}
{{- end -}}
{{- if not (and $telegram.apiId $telegram.apiHash) -}}
{{- $problems = append $problems "telegram.apiId, telegram.apiHash: missing; get both at my.telegram.org (or name telegram.existingSecret)" -}}
{{- end -}}
{{- end -}}
{{- if and $telegram.existingSecret (or $telegram.botToken $telegram.apiId $telegram.apiHash) -}}
{{- $problems = append $problems "telegram.existingSecret: leave botToken, apiId and apiHash empty when it is set" -}}
{{- end -}}
{{- if not (or $values.simulator.enabled $telegram.whitelistIds) -}}
{{- $problems = append $problems "telegram.whitelistIds: names nobody, so nobody could send; @userinfobot tells your id" -}}
{{- end -}}
{{- $whitelist := splitList "," (include "teltubby.whitelist" .) -}}
{{- range $telegram.adminIds -}}
{{- if not (has (int64 . | toString) $whitelist) -}}
{{- $problems = append $problems (printf "telegram.adminIds: %d is not in telegram.whitelistIds; add it there" (int64 .)) -}}
{{- end -}}
{{- end -}}
{{- if and $values.webhook.enabled (not $values.simulator.enabled) -}}
{{- if not $values.webhook.host -}}
{{- $problems = append $problems "webhook.host: missing; the public name that Telegram calls" -}}
{{- end -}}
{{- if and $values.webhook.ingress.enabled (not $values.webhook.ingress.tlsSecretName) -}}
{{- $problems = append $problems "webhook.ingress.tlsSecretName: missing; Telegram calls https only (or set webhook.ingress.enabled=false and route it yourself)" -}}
{{- end -}}
{{- end -}}
{{- if $values.rabbitmq.enabled -}}
{{- if or $values.rabbitmq.host $values.rabbitmq.port $values.rabbitmq.tls -}}
{{- $problems = append $problems "rabbitmq.host, .port, .tls: these are of another broker; set rabbitmq.enabled=false to use it" -}}
{{- end -}}
{{- else -}}
{{- if not $values.rabbitmq.host -}}
{{- $problems = append $problems "rabbitmq.host: missing; rabbitmq.enabled=false needs a broker of yours" -}}
{{- end -}}
{{- if not (or $values.rabbitmq.password $values.rabbitmq.existingSecret) -}}
{{- $problems = append $problems "rabbitmq.password: missing; give it or rabbitmq.existingSecret" -}}
{{- end -}}
{{- end -}}
{{- if and $values.minio.enabled $values.s3.endpoint -}}
{{- $problems = append $problems "s3.endpoint: this is of another S3; set minio.enabled=false to use it" -}}
{{- end -}}
{{- range $field := list "telegram" "rabbitmq" "s3" -}}
{{- $keys := values (index $values $field).secretKeys -}}
{{- if ne (len $keys) (len (uniq $keys)) -}}
{{- $problems = append $problems (printf "%s.secretKeys: two values can't have the same key" $field) -}}
{{- end -}}
{{- end -}}
{{- if and $values.rabbitmq.existingSecret $values.rabbitmq.password -}}
{{- $problems = append $problems "rabbitmq.existingSecret: leave password empty when it is set" -}}
{{- end -}}
{{- if and $values.s3.existingSecret (or $values.s3.accessKeyId $values.s3.secretAccessKey) -}}
{{- $problems = append $problems "s3.existingSecret: leave accessKeyId and secretAccessKey empty when it is set" -}}
{{- end -}}
{{- if $values.minio.enabled -}}
{{- if not $values.s3.forcePathStyle -}}
{{- $problems = append $problems "s3.forcePathStyle: MinIO here is not reached by names of buckets; leave it true, or set minio.enabled=false" -}}
{{- end -}}
{{- if and $values.s3.accessKeyId (lt (len $values.s3.accessKeyId) 3) -}}
{{- $problems = append $problems "s3.accessKeyId: MinIO wants 3 characters at least" -}}
{{- end -}}
{{- if and $values.s3.secretAccessKey (lt (len $values.s3.secretAccessKey) 8) -}}
{{- $problems = append $problems "s3.secretAccessKey: MinIO wants 8 characters at least" -}}
{{- end -}}
{{- end -}}
{{- with $values.minio.service -}}
{{- if and .s3NodePort (eq (toString .s3NodePort) (toString .consoleNodePort)) -}}
{{- $problems = append $problems "minio.service.s3NodePort, .consoleNodePort: they must differ" -}}
{{- end -}}
{{- if and (eq .type "ClusterIP") (or .s3NodePort .consoleNodePort) -}}
{{- $problems = append $problems "minio.service.s3NodePort, .consoleNodePort: these need minio.service.type=NodePort" -}}
{{- end -}}
{{- end -}}
{{- $scaling := $values.worker.scaling -}}
{{- if and $scaling.enabled (gt (int $scaling.max) (int $values.worker.sessions.size)) -}}
{{- $problems = append $problems "worker.scaling.max: there are not that many sessions; raise worker.sessions.size" -}}
{{- end -}}
{{- if and $scaling.enabled (gt (int $scaling.min) (int $scaling.max)) -}}
{{- $problems = append $problems "worker.scaling.min: it is above worker.scaling.max" -}}
{{- end -}}
{{- if and $scaling.enabled (not $values.operator.enabled) (not (and $scaling.operator.namespace $scaling.operator.serviceAccountName)) -}}
{{- $problems = append $problems "worker.scaling.operator: name the namespace and the service account of the operator that is to serve this release, or set operator.enabled=true" -}}
{{- end -}}
{{- if and $scaling.enabled $values.operator.enabled (or $scaling.operator.namespace $scaling.operator.serviceAccountName) -}}
{{- $problems = append $problems "worker.scaling.operator: this is for another release's operator; leave it empty with operator.enabled=true" -}}
{{- end -}}
{{- if and $scaling.enabled (ne (empty $scaling.managementUrl) $values.rabbitmq.enabled) -}}
{{- $problems = append $problems "worker.scaling.managementUrl: give it for a broker of yours (rabbitmq.enabled=false), and only then" -}}
{{- end -}}
{{- if and (not $scaling.enabled) (gt (int $values.worker.replicas) (int $values.worker.sessions.size)) -}}
{{- $problems = append $problems "worker.replicas: there are not that many sessions; raise worker.sessions.size" -}}
{{- end -}}
{{- if and (eq $values.worker.sessions.kind "user") (not $telegram.relayChannelId) -}}
{{- $problems = append $problems "telegram.relayChannelId: missing; kind user needs a private channel of bot and accounts, like -1001234567890" -}}
{{- end -}}
{{- if and (eq $values.worker.sessions.kind "bot") $telegram.relayChannelId -}}
{{- $problems = append $problems "telegram.relayChannelId: this is for worker.sessions.kind=user; leave it out" -}}
{{- end -}}
{{- if ne (empty $values.s3.accessKeyId) (empty $values.s3.secretAccessKey) -}}
{{- $problems = append $problems "s3.accessKeyId, s3.secretAccessKey: give both or neither" -}}
{{- end -}}
{{- if $problems -}}
{{- fail (printf "\n\n  %s\n" (join "\n  " $problems)) -}}
{{- end -}}
{{- end -}}
