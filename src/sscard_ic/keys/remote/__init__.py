"""A remote HSM (加密机) by the ministry's step messages: types 01-04, text between bars or XML.

:class:`.client.RemoteHsm` is the key service, :class:`.settings.RemoteSettings` says where it is,
:class:`.errors.RemoteError` what went wrong. Nothing is imported here: the settings are read by
programs that never talk to one.
"""
