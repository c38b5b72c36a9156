"""Calls that we answer; the only folder that imports Flask, marshmallow and Authlib."""
