"""Everything a workspace needs to build Millrace or to depend on it."""

def millrace_deps():
    """Declares the repositories that Millrace needs, unless the caller has declared them before."""
    existing = native.existing_rules()
    local = {
        "rules_cc": "third_party/rules_cc",
        "remote_coverage_tools": "third_party/remote_coverage_tools",
        "rules_java": "/usr/share/bazel/rules/java",
        "rules_proto": "/usr/share/bazel/rules/proto",
        "platforms": "/usr/share/bazel/tools/platforms",
        "bazel_skylib": "/usr/share/bazel/tools/skylib",
    }
    for name, path in local.items():
        if name not in existing:
            native.local_repository(name = name, path = path)
    if "com_google_protobuf" not in existing:
        native.new_local_repository(name = "com_google_protobuf", path = "/usr", build_file = "@millrace//third_party:protobuf.BUILD")
    if "system" not in existing:
        native.new_local_repository(name = "system", path = "/usr", build_file = "@millrace//third_party:system.BUILD")
