"""The work on many machines: a reward server of many replicas, and labelling, by Ray.

    HTTP → Ray's proxies → Front → JudgeReplica, JudgeReplica, …

Each replica is the server of ``flex-reward serve`` without a socket. The front sends the samples
of a group that share a picture to one replica, so that its caches help.

    app        build: the application for ``serve.run``, ``serve run`` and KubeRay
    command    ``flex-reward scale``
    front, parts, replica, exchange
    labelling  ``flex-reward label --ray``: its stages on Ray Data

Importing this package does not load Ray.
"""
