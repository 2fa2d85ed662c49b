"""Toolkit for China's integrated-circuit social security card (社会保障卡)."""
