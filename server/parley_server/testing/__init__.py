"""What tests of parley, and of what is plugged into it, are made with. It needs pytest and pytest-asyncio."""
