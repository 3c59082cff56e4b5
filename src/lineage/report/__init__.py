"""Charts and pages, made from tidy tables only; nothing here touches a path or a tensor."""
