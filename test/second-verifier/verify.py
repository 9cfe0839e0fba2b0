#!/usr/bin/env python3
"""An independent verifier of bundles, written from docs/format.md: verify.py BUNDLE --policy FILE [...].

Ends with 0 and `accept DIGEST`, or with 1 and `refuse CLASS[,CLASS]` and every reason.
"""
import argparse
import sys
from datetime import datetime, timezone
from pathlib import Path

import bundle
import trust
from documents import ACTS
from refusal import Refused


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--policy", required=True)
    parser.add_argument("--policy-digest")
    parser.add_argument("--for", dest="act", choices=ACTS, default="import")
    parser.add_argument("--site-digest")
    parser.add_argument("--plan-digest")
    parser.add_argument("--now", help="an instant, instead of the clock's")
    words = parser.parse_args()
    context = {"siteDigest": words.site_digest, "planDigest": words.plan_digest}
    now = trust.when(words.now) if words.now else datetime.now(timezone.utc)
    try:
        policy = trust.accept_policy(Path(words.policy).read_bytes(), words.policy_digest)
        digest = bundle.verify(words.bundle, policy, words.act, now, context=context if words.plan_digest else None)
    except Refused as refusal:
        print("refuse", ",".join(refusal.classes))
        print("\n".join(text for _, text in refusal.reasons), file=sys.stderr)
        return 1
    print("accept", digest)
    return 0


if __name__ == "__main__":
    sys.exit(main())
