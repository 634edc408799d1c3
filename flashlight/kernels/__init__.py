"""Recurrent scans that run as one operator: their mathematics in mx operations, and faster forms."""
