"""Volumes for a test node: a folder for each claim of its StorageClass, made as soon as the claim is there."""

import http.client
import json
import ssl
import threading
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from testbed.node_plan import STORAGE, NodePlan

_STILL = 5.0  # seconds without news; then it looks whether it is to end
_CLAIMS = "/api/v1/persistentvolumeclaims"


class Volumes:
    """Makes them in a thread of its own while its context lasts, with what ``token`` may do."""

    def __init__(self, plan: NodePlan, token: str) -> None:
        self._plan = plan
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._trust = ssl.create_default_context(cafile=str(plan.authority))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="volumes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._end.set()
        self._thread.join(_STILL * 3)

    def _serve(self) -> None:
        while not self._end.is_set():
            # whatever is in the way (the API server is not up, a watch ran out), it begins anew
            with suppress(OSError, http.client.HTTPException, ValueError):
                self._watch()
            self._end.wait(0.3)

    def _watch(self) -> None:
        connection = self._connection()
        try:
            connection.request("GET", f"{_CLAIMS}?watch=true&timeoutSeconds={_STILL:.0f}", headers=self._headers)
            answer = connection.getresponse()
            while line := answer.readline():
                event = json.loads(line)
                if event["type"] in {"ADDED", "MODIFIED"}:
                    self._see(event["object"])
        finally:
            connection.close()

    def _see(self, claim: dict[str, Any]) -> None:
        meta, spec = claim["metadata"], claim["spec"]
        if spec.get("storageClassName") != STORAGE or claim["status"].get("phase") != "Pending":
            return
        folder = self._plan.folder / "volumes" / meta["uid"]
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)  # kubelet gives no folder of the machine's to a group, and pods run as ordinary users
        volume = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"volume-{meta['uid']}"},
            "spec": {
                "capacity": spec["resources"]["requests"],
                "accessModes": spec["accessModes"],
                "storageClassName": STORAGE,
                "persistentVolumeReclaimPolicy": "Retain",
                "hostPath": {"path": str(folder)},
                "claimRef": {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": meta["namespace"],
                    "name": meta["name"],
                    "uid": meta["uid"],
                },
            },
        }
        connection = self._connection()
        try:
            connection.request("POST", "/api/v1/persistentvolumes", json.dumps(volume), self._headers)
            # one that is there already is a conflict; any other refusal is tried again at the next look
            connection.getresponse().read()
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPSConnection:
        address = urlsplit(self._plan.api_url)
        return http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=_STILL * 2, context=self._trust
        )
