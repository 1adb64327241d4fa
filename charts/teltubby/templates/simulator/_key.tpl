{{/* Whom MTProto's clients trust: each simulator has a key of its own, as Telegram has. It is fetched before they start. */}}
{{- define "teltubby.simulatorKey" -}}
{{- if .Values.simulator.enabled -}}
initContainers:
  - name: simulator-key
    {{- include "teltubby.container" (dict "root" . "image" .Values.tools.image "values" .Values.tools) | nindent 4 }}
    command: [teltubby-simulator]
    args:
      - --fetch-key-from=http://{{ include "teltubby.fullname" . }}-simulator:8080/control
      - --public-key-file=/simulator/key.pem
      - --wait=300
    volumeMounts:
      - {name: simulator, mountPath: /simulator}
      - {name: tmp, mountPath: /tmp}
{{- end -}}
{{- end -}}
